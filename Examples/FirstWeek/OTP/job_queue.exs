# A queue of jobs: some are done at a time, and one that fails is tried again after a while, which is longer each time.

defmodule JobQueue do
  use GenServer

  def start_link(options), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  # Has `work` done, which is given the number of the attempt, and returns what came of it.
  def run(work), do: GenServer.call(__MODULE__, {:run, work})

  @impl true
  def init(options), do: {:ok, Map.merge(%{waiting: [], running: %{}}, Map.new(options))}

  @impl true
  def handle_call({:run, work}, from, state) do
    {:noreply, enqueue(%{work: work, from: from, attempt: 1}, state)}
  end

  @impl true
  def handle_info({:again, job}, state), do: {:noreply, enqueue(job, state)}

  def handle_info({task, result}, state) do
    Process.demonitor(task, [:flush])
    {job, running} = Map.pop!(state.running, task)
    GenServer.reply(job.from, {:ok, result})
    {:noreply, start_jobs(%{state | running: running})}
  end

  def handle_info({:DOWN, task, :process, _pid, reason}, state) do
    {job, running} = Map.pop!(state.running, task)

    if job.attempt == state.attempts do
      GenServer.reply(job.from, {:error, reason})
    else
      delay = state.backoff * Integer.pow(2, job.attempt - 1)
      Process.send_after(self(), {:again, %{job | attempt: job.attempt + 1}}, delay)
    end

    {:noreply, start_jobs(%{state | running: running})}
  end

  defp enqueue(job, state), do: start_jobs(%{state | waiting: state.waiting ++ [job]})

  defp start_jobs(%{waiting: [job | waiting]} = state)
       when map_size(state.running) < state.limit do
    task = Task.Supervisor.async_nolink(Jobs, fn -> job.work.(job.attempt) end)
    start_jobs(%{state | waiting: waiting, running: Map.put(state.running, task.ref, job)})
  end

  defp start_jobs(state), do: state
end

children = [
  {Task.Supervisor, name: Jobs},
  {JobQueue, limit: 2, attempts: 3, backoff: 1}
]

{:ok, _} = Supervisor.start_link(children, strategy: :one_for_all)

jobs = [
  mail: fn _ -> "sent" end,
  import: fn attempt -> if attempt < 3, do: exit(:busy), else: "read at attempt #{attempt}" end,
  report: fn _ -> exit(:diskFull) end,
  backup: fn attempt -> if attempt < 2, do: exit(:busy), else: "written at attempt #{attempt}" end
]

# All are handed in at once.
tasks = for {name, work} <- jobs, do: {name, Task.async(fn -> JobQueue.run(work) end)}

for {name, task} <- tasks do
  case Task.await(task) do
    {:ok, result} -> IO.puts("#{name}: #{result}")
    {:error, reason} -> IO.puts("#{name}: given up: #{reason}")
  end
end
