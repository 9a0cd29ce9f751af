%% Runs scenario files on Erlang/OTP and writes what each process saw:
%%   erl -noshell -run scenario_main main OUTPUT_DIRECTORY FILE.scenario ...
-module(scenario_main).
-export([main/1]).

main([Output | Files]) ->
    logger:set_primary_config(level, none),
    lists:foreach(fun(File) -> run_file(Output, File) end, Files),
    halt(0).

run_file(Output, File) ->
    {ok, Text} = file:read_file(File),
    Traces = [run(Scenario) || Scenario <- scenario_reader:scenarios(Text)],
    Path = filename:join(Output, filename:basename(File, ".scenario") ++ ".trace"),
    ok = file:write_file(Path, lists:join("\n", Traces)).

%% Every scenario has a controller, a witness and tables of its own: nothing is left for the next.
run({Title, Steps}) ->
    {Controller, Monitor} = spawn_monitor(fun() -> exit({trace, scenario_controller:run(Steps)}) end),
    receive
        {'DOWN', Monitor, process, Controller, {trace, Lines}} -> format(Title, Lines);
        {'DOWN', Monitor, process, Controller, Crash} -> format(Title, [io_lib:format("outside: broken ~0p", [Crash])])
    after 20000 ->
        exit(Controller, kill),
        format(Title, ["outside: never finished"])
    end.

format(Title, Lines) -> ["scenario ", Title, "\n", [["  ", Line, "\n"] || Line <- Lines]].
