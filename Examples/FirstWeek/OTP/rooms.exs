# Rooms by name: the first who joins one starts it, and when the last has left, or ended, it is gone.

defmodule Room do
  use GenServer, restart: :temporary

  def start_link(name), do: GenServer.start_link(__MODULE__, name, name: via(name))

  # Takes a process in, and returns how many are in the room now.
  def join(name, guest) do
    case DynamicSupervisor.start_child(Rooms, {Room, name}) do
      {:ok, _} -> :ok
      {:error, {:already_started, _}} -> :ok
    end

    GenServer.call(via(name), {:join, guest})
  end

  def say(name, text), do: GenServer.call(via(name), {:say, text})

  def whereis(name), do: GenServer.whereis(via(name))

  defp via(name), do: {:via, Registry, {Names, name}}

  @impl true
  def init(_name), do: {:ok, %{}}

  @impl true
  def handle_call({:join, guest}, _from, guests) do
    guests = Map.put(guests, guest, Process.monitor(guest))
    {:reply, map_size(guests), guests}
  end

  def handle_call({:say, text}, _from, guests) do
    for {guest, _} <- guests, do: send(guest, {:said, text})
    {:reply, :ok, guests}
  end

  @impl true
  def handle_info({:DOWN, _monitor, :process, guest, _reason}, guests) do
    guests = Map.delete(guests, guest)
    if guests == %{}, do: {:stop, :normal, guests}, else: {:noreply, guests}
  end
end

defmodule Guest do
  # Listens until it is told to go, and tells what it has heard.
  def listen(heard \\ []) do
    receive do
      {:said, text} -> listen([text | heard])
      {:go, from} -> send(from, {:heard, Enum.reverse(heard)})
    end
  end

  def go(guest) do
    send(guest, {:go, self()})

    receive do
      {:heard, texts} -> Enum.join(texts, ", ")
    end
  end
end

children = [
  {Registry, keys: :unique, name: Names},
  {DynamicSupervisor, name: Rooms}
]

{:ok, _} = Supervisor.start_link(children, strategy: :one_for_all)

[ann, bob, cid] = for _ <- 1..3, do: spawn(&Guest.listen/0)

IO.puts("ann joins the hall: #{Room.join("hall", ann)} there")
IO.puts("bob joins the hall: #{Room.join("hall", bob)} there")
IO.puts("cid joins the attic: #{Room.join("attic", cid)} there")
IO.puts("rooms: #{DynamicSupervisor.count_children(Rooms).active}")

Room.say("hall", "welcome")
IO.puts("ann heard: #{Guest.go(ann)}")
Room.say("hall", "ann has left")
hall = Process.monitor(Room.whereis("hall"))
IO.puts("bob heard: #{Guest.go(bob)}")

receive do
  {:DOWN, ^hall, :process, _, reason} -> IO.puts("the hall is gone: #{reason}")
end

IO.puts("ann joins the hall again: #{Room.join("hall", spawn(&Guest.listen/0))} there")
