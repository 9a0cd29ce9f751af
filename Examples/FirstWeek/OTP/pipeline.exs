# Lines of a log go through two parsers to one who counts, and no line is read that is not asked for.
# (GenStage, a library, has this ready made; here it is written out.)

defmodule Log do
  use GenServer

  def init(lines), do: {:ok, lines}

  # So many lines at most; at the end none.
  def handle_call({:lines, count}, _from, lines) do
    {some, rest} = Enum.split(lines, count)
    {:reply, some, rest}
  end
end

defmodule Parser do
  def run(log) do
    receive do
      {:ask, count, counter} ->
        lines = GenServer.call(log, {:lines, count})
        send(counter, {:statuses, self(), Enum.map(lines, &status/1)})
        run(log)
    end
  end

  defp status(line), do: line |> String.split(" ") |> List.last() |> String.to_integer()
end

defmodule Counter do
  # How many it asks a parser for.
  @batch 20

  def run(parsers) do
    for parser <- parsers, do: ask(parser)
    count(parsers, %{})
  end

  defp count([], counts), do: counts

  defp count(parsers, counts) do
    receive do
      {:statuses, parser, []} ->
        count(List.delete(parsers, parser), counts)

      {:statuses, parser, statuses} ->
        ask(parser)
        count(parsers, Enum.reduce(statuses, counts, &Map.update(&2, &1, 1, fn n -> n + 1 end)))
    end
  end

  defp ask(parser), do: send(parser, {:ask, @batch, self()})
end

lines = for n <- 1..1000, do: "GET /#{n} #{if rem(n, 3) == 0, do: 404, else: 200}"

{:ok, log} = GenServer.start_link(Log, lines)
parsers = for _ <- 1..2, do: spawn_link(Parser, :run, [log])

for {status, count} <- Enum.sort(Counter.run(parsers)) do
  IO.puts("#{status}: #{count}")
end
