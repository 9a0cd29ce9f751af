# A pool lends its connections. One that is not given back comes back when its borrower ends.

defmodule Pool do
  use GenServer

  def start_link(connections) do
    GenServer.start_link(__MODULE__, connections, name: __MODULE__)
  end

  def check_out, do: GenServer.call(__MODULE__, :check_out)

  def check_in(connection), do: GenServer.cast(__MODULE__, {:check_in, connection})

  def idle, do: GenServer.call(__MODULE__, :idle)

  # Lends one for as long as `fun` takes.
  def with_connection(fun) do
    connection = check_out()

    try do
      fun.(connection)
    after
      check_in(connection)
    end
  end

  @impl true
  def init(connections), do: {:ok, %{idle: connections, lent: %{}, waiting: []}}

  @impl true
  def handle_call(:check_out, from, state) do
    {:noreply, lend(%{state | waiting: state.waiting ++ [from]})}
  end

  def handle_call(:idle, _from, state), do: {:reply, length(state.idle), state}

  @impl true
  def handle_cast({:check_in, connection}, state) do
    {monitor, lent} = Map.pop!(state.lent, connection)
    Process.demonitor(monitor, [:flush])
    {:noreply, lend(%{state | idle: state.idle ++ [connection], lent: lent})}
  end

  @impl true
  def handle_info({:DOWN, monitor, :process, _pid, _reason}, state) do
    {connection, _} = Enum.find(state.lent, fn {_, lent} -> lent == monitor end)
    lent = Map.delete(state.lent, connection)
    {:noreply, lend(%{state | idle: state.idle ++ [connection], lent: lent})}
  end

  # Those who have waited longest get what is idle.
  defp lend(%{idle: [connection | idle], waiting: [from | waiting]} = state) do
    {borrower, _tag} = from
    GenServer.reply(from, connection)
    lent = Map.put(state.lent, connection, Process.monitor(borrower))
    lend(%{state | idle: idle, waiting: waiting, lent: lent})
  end

  defp lend(state), do: state
end

{:ok, _} = Pool.start_link(["first", "second"])
IO.puts("lent: " <> Pool.with_connection(fn connection -> connection end))

# Five queries share two connections.
squares =
  1..5
  |> Task.async_stream(fn n -> Pool.with_connection(fn _ -> n * n end) end, max_concurrency: 5)
  |> Enum.map(fn {:ok, square} -> square end)

IO.puts("squares: #{Enum.join(squares, " ")}")

# Two thieves end and never give back what they have.
thieves = for _ <- 1..2, do: spawn_monitor(fn -> Pool.check_out() end)

for {_, monitor} <- thieves do
  receive do
    {:DOWN, ^monitor, :process, _, reason} -> IO.puts("a thief is gone: #{reason}")
  end
end

Pool.with_connection(fn _ -> Pool.with_connection(fn _ -> IO.puts("both are back") end) end)
IO.puts("idle: #{Pool.idle()}")
