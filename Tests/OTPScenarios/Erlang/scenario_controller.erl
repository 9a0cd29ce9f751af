%% Carries out the steps of one scenario, each only when everything that the one before caused has happened.
%% It waits by asking, never by time: see settle/1.
-module(scenario_controller).
-export([run/1]).

-define(patience, 5000).
%% How much longer than its steps say a scenario may take that has time pass, in milliseconds.
-define(slack, 50).

%% Returns the lines of the trace, and whether the scenario took the time that it should.
run(Steps) ->
    Planned = lists:sum([scenario_trace:milliseconds(Duration) || {[time, passes, Duration], _} <- Steps]),
    Start = erlang:monotonic_time(millisecond),
    Lines = trace(Steps),
    case erlang:monotonic_time(millisecond) - Start of
        Elapsed when Planned > 0, Elapsed > Planned + ?slack -> {late, Lines};
        _ -> {in_time, Lines}
    end.

trace(Steps) ->
    process_flag(trap_exit, true),
    scenario_trace:new(self()),
    Witness = scenario_witness:start(),
    scenario_trace:name(Witness, witness),
    {ok, Groups} = pg:start_link(),
    First = #{members => #{}, begun => #{}, groups => Groups},
    Last = lists:foldl(fun(Step, State) -> settle(step(Step, State)) end, First, Steps),
    Lines = scenario_trace:lines(),
    clear(Last),
    Lines.

%% Steps

step({[spawn, Name | Options], _}, State) -> scenario_process:start(Name, Options), add(process, Name, State);
step({[server, Name | Options], _}, State) -> start_server(Name, Options, State);
step({[machine, Name | Options], _}, State) ->
    scenario_trace:saw(outside, scenario_machine:start(Name, Options)),
    add(machine, Name, State);
step({[supervisor, Name | _], _} = Tree, State) ->
    scenario_tree:start(Tree),
    add_tree(Tree, add(supervisor, Name, State));
step({[pool, Name | _], _} = Tree, State) -> scenario_tree:start(Tree), add(pool, Name, State);
step({[exit, Name, Reason], _}, State) -> exit(scenario_trace:pid(Name), scenario_options:reason(Reason)), State;
step({[stop, Name], _}, State) -> finish(Name, begin_stop(Name, State));
step({[stop, Server, Reason], _}, State) ->
    gen_server:stop(scenario_trace:pid(Server), scenario_options:reason(Reason), infinity),
    State;
step({['begin', stop, Name], _}, State) -> begin_stop(Name, State);
step({['begin', Name | Command], _}, #{members := Members} = State) ->
    case maps:get(Name, Members) of
        process -> begin_command(Name, Command, State);
        Kind -> begin_management(Kind, Name, Command, State)
    end;
step({[finish, Name], _}, State) -> finish(Name, State);
step({[release, Name], _}, State) -> scenario_trace:pid(Name) ! released, State;
step({[suspend, Name], _}, State) -> sys:suspend(scenario_trace:pid(Name)), State;
step({[resume, Name], _}, State) -> sys:resume(scenario_trace:pid(Name)), State;
step({[Name, is, busy], _}, #{begun := Begun} = State) -> State#{begun := Begun#{Name => none}};
step({[Name, is, free], _}, #{begun := Begun} = State) -> State#{begun := maps:remove(Name, Begun)};
step({[until, Name, sees | Words], _}, State) -> until(Name, Words), State;
step({[time, passes, Duration], _}, State) -> timer:sleep(scenario_trace:milliseconds(Duration)), State;
step({[on, Signal, Name | Command], _}, State) -> finish(Name, begin_command(Name, [plans, Signal | Command], State));
step({[Name, starts, server, Server | _] = [_ | Command], _}, State) ->
    add(server, Server, finish(Name, begin_command(Name, Command, State)));
step({[Name, spawns, Child | _] = [_ | Command], _}, State) ->
    add(process, Child, finish(Name, begin_command(Name, Command, State)));
step({[Name, adds, Child | _] = [_ | Command], _}, #{members := Members} = State) ->
    scenario_tree:manage(maps:get(Name, Members), Name, Command),
    add(kind([child | tl(Command)]), Child, State);
step({[Name | Command], _}, #{members := Members} = State) ->
    case maps:get(Name, Members) of
        process -> finish(Name, begin_command(Name, Command, State));
        Kind -> scenario_tree:manage(Kind, Name, Command), State
    end.

add(Kind, Name, #{members := Members} = State) -> State#{members := Members#{Name => Kind}}.

add_tree({_, Children}, State) ->
    Add = fun({[_, Name | _] = Words, _} = Child, Before) -> add_tree(Child, add(kind(Words), Name, Before)) end,
    lists:foldl(Add, State, Children).

kind([child, _ | Options]) ->
    case lists:member(server, Options) of
        true -> server;
        false -> process
    end;
kind([dynamic | _]) -> pool;
kind(_) -> supervisor.

%% A server that did not start is nobody.
start_server(Name, Options, State) ->
    scenario_trace:saw(outside, scenario_server:start(Name, Options)),
    add(server, Name, State).

%% What takes until something else has happened

begin_command(Name, Command, #{begun := Begun} = State) ->
    Pid = scenario_trace:pid(Name),
    Reference = erlang:monitor(process, Pid),
    Pid ! {do, Reference, self(), Command},
    State#{begun := Begun#{Name => Reference}}.

begin_stop(Name, #{begun := Begun} = State) ->
    Pid = scenario_trace:pid(Name),
    Reference = erlang:monitor(process, Pid),
    exit(Pid, shutdown),
    State#{begun := Begun#{Name => Reference}}.

begin_management(Kind, Name, Command, #{begun := Begun} = State) ->
    {_, Reference} = spawn_monitor(fun() -> scenario_tree:manage(Kind, Name, Command) end),
    State#{begun := Begun#{Name => Reference}}.

finish(Name, #{begun := Begun} = State) ->
    await(maps:get(Name, Begun), done, Name),
    State#{begun := maps:remove(Name, Begun)}.

await(Reference, Word, Name) ->
    receive
        {Word, Reference} -> erlang:demonitor(Reference, [flush]);
        {'DOWN', Reference, process, _, _} -> ended
    after ?patience -> scenario_trace:saw(outside, [waits, for, Name, in, vain])
    end.

until(Name, Words) ->
    case scenario_trace:has(Name, Words) of
        true -> ok;
        false ->
            receive saw -> until(Name, Words)
            after ?patience -> scenario_trace:saw(outside, [waits, for, Name, to, see | Words] ++ [in, vain])
            end
    end.

%% Asks everyone who is not busy for a sign of life, again and again, until two rounds on end have changed nothing.
settle(State) -> settle(State, 2).

settle(State, 0) -> State;
settle(State, Quiet) ->
    Before = scenario_trace:size(),
    ask_everyone(State),
    case scenario_trace:size() of
        Before -> settle(State, Quiet - 1);
        _ -> settle(State, 2)
    end.

ask_everyone(#{members := Members, begun := Begun, groups := Groups}) ->
    Idle = maps:without(maps:keys(Begun), Members),
    maps:foreach(fun(Name, Kind) -> ask(Kind, Name) end, Idle),
    sys:get_state(Groups),
    scenario_witness:ping(scenario_trace:pid(witness)),
    forget_noise().

ask(Kind, Name) ->
    case ets:lookup(pids, Name) of
        [{_, Pid}] -> ask_process(Kind, Name, Pid);
        [] -> never_started
    end.

ask_process(process, Name, Pid) ->
    Reference = erlang:monitor(process, Pid),
    Pid ! {ping, Reference, self()},
    await(Reference, pong, Name);
ask_process(_, _, Pid) ->
    try sys:get_state(Pid) catch exit:_ -> ended end.

forget_noise() ->
    receive
        saw -> forget_noise();
        {'EXIT', _, _} -> forget_noise()
    after 0 -> ok
    end.

%% Names are free again when their processes have ended: the next scenario starts only then.
clear(#{members := Members, groups := Groups}) ->
    Pids = [scenario_trace:pid(Name) || Name <- maps:keys(Members) ++ [witness], ets:member(pids, Name)],
    [exit(Pid, kill) || Pid <- Pids],
    [await(erlang:monitor(process, Pid), never, end_of_all) || Pid <- Pids],
    gen_server:stop(Groups).
