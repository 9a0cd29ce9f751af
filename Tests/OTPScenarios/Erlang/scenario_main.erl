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
    Traces = [run(Scenario, 30) || Scenario <- scenario_reader:scenarios(Text)],
    Path = filename:join(Output, filename:basename(File, ".scenario") ++ ".trace"),
    ok = file:write_file(Path, lists:join("\n", Traces)).

%% Every scenario has a controller, a witness and tables of its own: nothing is left for the next.
%%
%% Time is real here. A scenario in which a busy machine has let more of it pass than the steps say proves nothing, and
%% is run again, so many times at most.
run({Title, Steps}, Attempts) ->
    {Controller, Monitor} = spawn_monitor(fun() -> exit(scenario_controller:run(Steps)) end),
    receive
        {'DOWN', Monitor, process, Controller, {late, _}} when Attempts > 1 -> run({Title, Steps}, Attempts - 1);
        {'DOWN', Monitor, process, Controller, {Timing, Lines}} when Timing =:= in_time; Timing =:= late ->
            format(Title, Lines);
        {'DOWN', Monitor, process, Controller, Crash} -> format(Title, [io_lib:format("outside: broken ~0p", [Crash])])
    after 20000 ->
        exit(Controller, kill),
        format(Title, ["outside: never finished"])
    end.

format(Title, Lines) -> ["scenario ", Title, "\n", [["  ", Line, "\n"] || Line <- Lines]].
