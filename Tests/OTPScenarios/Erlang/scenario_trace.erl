%% Who is called what, and what each observer saw in which order.
-module(scenario_trace).
-export([new/1, saw/2, saw/3, lines/0, size/0, has/2]).
-export([name/2, pid/1, name_of/1, count_start/1]).
-export([reason/1, milliseconds/1]).

new(Controller) ->
    Tables = [{trace, ordered_set}, {pids, set}, {names, set}, {starts, set}],
    [ets:new(Table, [Kind, public, named_table]) || {Table, Kind} <- Tables],
    ets:insert(names, {Controller, outside}),
    ets:insert(pids, {outside, Controller}).

saw(Observer, Words) -> saw(Observer, Words, erlang:unique_integer([monotonic])).

saw(Observer, Words, Order) ->
    Line = lists:join(" ", [atom_to_list(Word) || Word <- Words]),
    ets:insert(trace, {{Observer, Order}, lists:flatten(Line)}),
    pid(outside) ! saw.

lines() -> [[atom_to_list(Observer), ": ", Line] || {{Observer, _}, Line} <- ets:tab2list(trace)].

size() -> ets:info(trace, size).

has(Observer, Words) ->
    Wanted = lists:flatten(lists:join(" ", [atom_to_list(Word) || Word <- Words])),
    [] =/= [found || {{Who, _}, Line} <- ets:tab2list(trace), Who =:= Observer, string:find(Line, Wanted) =/= nomatch].

%% A name means the newest process of that name, also after its end.
name(Pid, Name) -> ets:insert(pids, {Name, Pid}), ets:insert(names, {Pid, Name}).

pid(Name) -> ets:lookup_element(pids, Name, 2).

name_of(Pid) ->
    case ets:lookup(names, Pid) of
        [{_, Name}] -> Name;
        [] -> stranger
    end.

%% How often a child of this name has been started, this time included.
count_start(Name) -> ets:update_counter(starts, Name, 1, {Name, 0}).

reason({shutdown, Detail}) when is_atom(Detail) -> list_to_atom("shutdown(" ++ atom_to_list(Detail) ++ ")");
%% A process that ends because a call of its own failed.
reason({Reason, {gen_server, call, _}}) ->
    list_to_atom("call-" ++ atom_to_list(scenario_options:call_failure(Reason)));
reason({Reason, Stack}) when is_list(Stack) -> reason(Reason);
reason({start_spec, _}) -> rejected;
reason({Reason, Child}) when element(1, Child) =:= child -> reason(Reason);
reason(Reason) when is_atom(Reason) -> Reason;
reason(Other) -> list_to_atom(lists:flatten(io_lib:format("~0p", [Other]))).

milliseconds(Word) ->
    case string:to_integer(atom_to_list(Word)) of
        {Count, "ms"} -> Count;
        {Count, "s"} -> Count * 1000;
        {Count, "h"} -> Count * 3600000
    end.
