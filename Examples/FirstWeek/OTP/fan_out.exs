# Tasks fan out over pages: some at a time, each with a limit of time, and the results come in order.

defmodule Pages do
  # How many bytes a page has.
  def size("/broken"), do: exit(:notFound)
  def size("/slow"), do: Process.sleep(:infinity)
  def size(page), do: 100 * String.length(page)
end

{:ok, supervisor} = Task.Supervisor.start_link()

pages = ["/", "/news", "/slow", "/broken", "/about", "/contact"]

sizes =
  Task.Supervisor.async_stream_nolink(supervisor, pages, &Pages.size/1,
    max_concurrency: 2,
    timeout: 2_000,
    on_timeout: :kill_task
  )

for {page, size} <- Enum.zip(pages, sizes) do
  case size do
    {:ok, bytes} -> IO.puts("#{page}: #{bytes} bytes")
    {:exit, :timeout} -> IO.puts("#{page}: too slow")
    {:exit, reason} -> IO.puts("#{page}: #{reason}")
  end
end
