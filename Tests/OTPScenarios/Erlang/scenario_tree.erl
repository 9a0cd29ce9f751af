%% Supervisors as a scenario declares them:
%%   supervisor top one_for_one restarts 1 in 5s auto any
%%     child a transient significant
-module(scenario_tree).
-behaviour(supervisor).
-export([start/1, manage/3, init/1, start_nested/1, start_pool/1, start_dynamic/2]).

start({[supervisor, Name | _], _} = Tree) ->
    Result = supervisor:start_link(?MODULE, Tree),
    started(Name, Result);
start({[pool, Name | _], _} = Tree) ->
    started(Name, supervisor:start_link(?MODULE, Tree)).

started(Name, {ok, Pid}) ->
    unlink(Pid),
    scenario_trace:name(Pid, Name),
    scenario_witness:watch(Name),
    scenario_trace:saw(outside, [Name, starts]);
started(Name, {error, {shutdown, {failed_to_start_child, Child, Reason}}}) ->
    scenario_trace:saw(outside, [Name, cannot, start, Child | nested(Reason)]);
started(Name, {error, _}) ->
    scenario_trace:saw(outside, [Name, is, rejected]).

nested({shutdown, {failed_to_start_child, Child, Reason}}) -> [Child | nested(Reason)];
nested(Reason) -> [scenario_trace:reason(Reason)].

start_nested({[nested, Name | _], _} = Tree) ->
    Result = supervisor:start_link(?MODULE, Tree),
    case Result of
        {ok, Pid} -> scenario_trace:name(Pid, Name);
        _ -> failed
    end,
    Result;
start_nested({[supervisor, Name | _], _} = Tree) ->
    Result = supervisor:start_link(?MODULE, Tree),
    case Result of
        {ok, Pid} -> scenario_trace:name(Pid, Name), scenario_witness:watch_child(Name);
        _ -> failed
    end,
    Result.

%% One that is reached by its name.
start_pool({[dynamic, Name | Options], _}) ->
    Result = supervisor:start_link({local, Name}, ?MODULE, {[pool, Name | Options], []}),
    case Result of
        {ok, Pid} -> scenario_trace:name(Pid, Name), scenario_witness:watch_child(Name);
        _ -> failed
    end,
    Result.

start_dynamic(Options, [Name | More]) -> (module(More)):start_child(Name, Options ++ More).

init({[pool, _ | Options], _}) ->
    {ok, {flags(simple_one_for_one, Options),
          [(specification({[child, any | Options], []}))#{start := {?MODULE, start_dynamic, [Options]}}]}};
init({[_, _, Strategy | Options], Children}) ->
    {ok, {flags(Strategy, Options), [specification(Child) || Child <- Children]}}.

flags(Strategy, Options) ->
    Limits = case scenario_options:value(restarts, Options) of
        none -> #{};
        Count ->
            Period = scenario_trace:milliseconds(scenario_options:value(in, Options)) div 1000,
            #{intensity => list_to_integer(atom_to_list(Count)), period => Period}
    end,
    case scenario_options:value(auto, Options) of
        none -> Limits#{strategy => Strategy};
        Kind -> Limits#{strategy => Strategy, auto_shutdown => list_to_atom(atom_to_list(Kind) ++ "_significant")}
    end.

specification({[child, Name | Options], _}) ->
    restart(Options, #{id => Name, start => {module(Options), start_child, [Name, Options]},
                       significant => lists:member(significant, Options)});
specification({[dynamic, Name | Options], _} = Pool) ->
    Kinds = [Kind || Kind <- [permanent, transient, temporary], lists:member(Kind, Options)],
    maps:merge(#{id => Name, start => {?MODULE, start_pool, [Pool]}, type => supervisor, shutdown => infinity},
               maps:from_list([{restart, Kind} || Kind <- Kinds]));
specification({[_, Name, _ | Options], _} = Tree) ->
    restart(Options, #{id => Name, start => {?MODULE, start_nested, [Tree]}, type => supervisor,
                       significant => lists:member(significant, Options)}).

module(Options) ->
    case lists:member(server, Options) of
        true -> scenario_server;
        false -> scenario_process
    end.

restart(Options, Specification) ->
    Kinds = [Kind || Kind <- [permanent, transient, temporary], lists:member(Kind, Options)],
    shutdown(Options, maps:merge(Specification, maps:from_list([{restart, Kind} || Kind <- Kinds]))).

shutdown(Options, Specification) ->
    case {Options -- (Options -- [brutal, infinity]), scenario_options:value(within, Options)} of
        {[brutal], _} -> Specification#{shutdown => brutal_kill};
        {[infinity], _} -> Specification#{shutdown => infinity};
        {[], none} -> Specification;
        {[], Duration} -> Specification#{shutdown => scenario_trace:milliseconds(Duration)}
    end.

%% `top terminates a` and the like: what is done, and what came of it.
manage(Kind, Name, Command) ->
    %% A pool in a tree is asked by its name.
    Pid = case {Kind, whereis(Name)} of
        {pool, Found} when is_pid(Found) -> Name;
        _ -> scenario_trace:pid(Name)
    end,
    Result = try do(Kind, Pid, Command) catch exit:{Reason, _} -> [fails, scenario_trace:reason(Reason)] end,
    scenario_trace:saw(Name, Command ++ Result).

do(pool, Pid, [adds | Child]) -> outcome(supervisor:start_child(Pid, [Child]));
do(pool, Pid, [terminates, Child]) -> outcome(supervisor:terminate_child(Pid, scenario_trace:pid(Child)));
do(pool, Pid, [lists]) ->
    none_or([scenario_trace:name_of(Child) || {_, Child, _, _} <- supervisor:which_children(Pid)]);
do(pool, Pid, [counts]) -> counts(Pid, [active]);
do(_, Pid, [adds | Child]) -> outcome(supervisor:start_child(Pid, specification({[child | Child], []})));
do(_, Pid, [terminates, Child]) -> outcome(supervisor:terminate_child(Pid, Child));
do(_, Pid, [restarts, Child]) -> outcome(supervisor:restart_child(Pid, Child));
do(_, Pid, [deletes, Child]) -> outcome(supervisor:delete_child(Pid, Child));
do(_, Pid, [lists]) -> none_or([child(Id, Child) || {Id, Child, _, _} <- supervisor:which_children(Pid)]);
do(_, Pid, [counts]) -> counts(Pid, [specs, active, supervisors, workers]).

counts(Pid, Keys) ->
    Counts = supervisor:count_children(Pid),
    [list_to_atom(lists:concat([Key, ":", proplists:get_value(Key, Counts)])) || Key <- Keys].

child(Id, Pid) when is_pid(Pid) -> Id;
child(Id, State) -> list_to_atom(lists:concat([Id, ":", State])).

%% OTP promises no order of its list.
none_or([]) -> [nobody];
none_or(Children) -> lists:sort(Children).

outcome(ok) -> [succeeds];
outcome({ok, _}) -> [succeeds];
outcome({error, {already_started, _}}) -> [fails, already_started];
outcome({error, Reason}) -> [fails, scenario_trace:reason(Reason)].
