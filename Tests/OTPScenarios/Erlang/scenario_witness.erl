%% Watches every process of a scenario and writes down how each ended. Of supervised ones it also writes down, in
%% the one order in which it all happened, when they started: that is the observer `log`.
-module(scenario_witness).
-export([start/0, watch/1, watch_child/1, ping/1]).

start() -> spawn(fun() -> loop(#{}) end).

watch(Name) -> ask({watch, scenario_trace:pid(Name), Name}).
watch_child(Name) -> ask({watch_child, scenario_trace:pid(Name), Name}).
ping(Witness) -> ask(Witness, ping).

ask(Request) -> ask(scenario_trace:pid(witness), Request).

ask(Witness, Request) ->
    Reference = make_ref(),
    Witness ! {Request, Reference, self()},
    receive Reference -> ok end.

loop(Watched) ->
    receive
        {Request, Reference, From} when is_reference(Reference), is_pid(From) ->
            Now = handle(Request, await_the_dead(Watched)),
            From ! Reference,
            loop(Now);
        {'DOWN', Monitor, process, _, Reason} ->
            loop(ended(Monitor, Reason, Watched))
    end.

%% A process that ends tells its links and monitors one by one, and others may have gone on in between: a
%% supervisor may start a child again before the down of the old one is here.
await_the_dead(Watched) ->
    Dead = [Monitor || {Monitor, {_, _, Pid}} <- maps:to_list(Watched), not is_process_alive(Pid)],
    lists:foldl(fun await_down/2, Watched, Dead).

await_down(Monitor, Watched) ->
    receive {'DOWN', Monitor, process, _, Reason} -> ended(Monitor, Reason, Watched) end.

handle(ping, Watched) -> Watched;
handle({watch, Pid, Name}, Watched) -> Watched#{erlang:monitor(process, Pid) => {single, Name, Pid}};
handle({watch_child, Pid, Name}, Watched) ->
    scenario_trace:saw(log, [Name, starts]),
    Watched#{erlang:monitor(process, Pid) => {child, Name, Pid}}.

ended(Monitor, Reason, Watched) ->
    case maps:take(Monitor, Watched) of
        {{single, Name, _}, Others} -> scenario_trace:saw(Name, [ends, scenario_trace:reason(Reason)]), Others;
        {{child, Name, _}, Others} -> scenario_trace:saw(log, [Name, ends, scenario_trace:reason(Reason)]), Others
    end.
