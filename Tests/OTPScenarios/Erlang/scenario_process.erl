%% The scripted process: does what the controller says and writes down every message that reaches it.
-module(scenario_process).
-export([start/2, start_child/2, init_child/3, init/2]).

%% From outside, linked to nobody.
start(Name, Options) ->
    Pid = spawn(fun() -> receive go -> init(Name, Options) end end),
    scenario_trace:name(Pid, Name),
    scenario_witness:watch(Name),
    Pid ! go,
    Pid.

%% As the child of a supervisor, which calls this.
start_child(Name, Options) -> proc_lib:start_link(?MODULE, init_child, [self(), Name, Options]).

init_child(Supervisor, Name, Options) ->
    Start = scenario_trace:count_start(Name),
    case lists:member(Start, failing_starts(Options)) orelse lists:member(always, failing_starts(Options)) of
        true ->
            Reason = scenario_options:value(failing, Options),
            hold(Name, lists:member(held, Options)),
            scenario_witness:ping(scenario_trace:pid(witness)),
            scenario_trace:saw(log, [Name, fails, to, start, Reason]),
            proc_lib:init_ack({error, Reason});
        false ->
            scenario_trace:name(self(), Name),
            scenario_witness:watch_child(Name),
            process_flag(trap_exit, lists:member(trapping, Options) orelse lists:member(stubborn, Options)),
            proc_lib:init_ack({ok, self()}),
            loop((new(Name))#{supervisor => Supervisor, stubborn => lists:member(stubborn, Options)})
    end.

hold(_, false) -> ok;
hold(Name, true) ->
    scenario_trace:name(self(), Name),
    scenario_trace:saw(log, [Name, waits, to, start]),
    await_release().

await_release() ->
    receive
        released -> ok;
        {ping, Reference, From} -> From ! {pong, Reference}, await_release()
    end.

failing_starts(Options) ->
    case {scenario_options:value(failing, Options), scenario_options:value(at, Options)} of
        {none, _} -> [];
        {_, none} -> [always];
        {_, Numbers} -> [list_to_integer(Number) || Number <- string:lexemes(atom_to_list(Numbers), ",")]
    end.

init(Name, Options) ->
    process_flag(trap_exit, lists:member(trapping, Options)),
    case Options of
        [noting, Word | _] -> scenario_trace:saw(Name, [notes, Word]);
        [failing, Reason] -> exit(Reason);
        [returning] -> ok;
        _ -> loop(new(Name))
    end.

new(Name) ->
    #{name => Name, holding => false, monitors => #{}, timers => #{}, calls => #{}, plans => [],
      supervisor => none, stubborn => false, spinning => false, in_order => 0}.

%% Takes mail in the order of its arrival; while it holds its mail, only what the controller says.
loop(#{holding := true} = State) ->
    receive
        {do, _, _, _} = Order -> obey(Order, State);
        {ping, _, _} = Ping -> pong(Ping, State)
    end;
loop(State) ->
    receive
        {do, _, _, _} = Order -> obey(Order, State);
        {ping, _, _} = Ping -> pong(Ping, State);
        Message -> loop(takes(Message, [], State))
    end.

pong({ping, Reference, From}, State) ->
    From ! {pong, Reference},
    loop(State).

obey({do, Reference, From, [returns]}, _) -> From ! {done, Reference};
obey({do, Reference, From, Command}, State) ->
    Now = do(Command, State),
    From ! {done, Reference},
    loop(Now).

%% What it sees

%% While it spins there is always a message for it.
takes(spin, _, #{spinning := true} = State) -> self() ! spin, State;
takes(spin, _, State) -> State;
takes({number, Last, Last}, _, #{in_order := Before} = State) when Last =:= Before + 1 ->
    saw([numbers, in, order], State#{in_order := 0});
takes({number, Last, Last}, _, State) -> saw([numbers, out, 'of', order], State#{in_order := 0});
takes({number, Number, _}, _, #{in_order := Before} = State) when Number =:= Before + 1 ->
    State#{in_order := Number};
takes({number, _, _}, _, State) -> State;
takes({mail, From, Word}, How, State) -> saw(How ++ [Word, from, From], State);
takes({timer, Word}, How, State) -> saw(How ++ [timer, Word], State);
takes({'EXIT', Pid, Reason}, How, #{supervisor := Pid, stubborn := false} = State) ->
    saw(How ++ [exit, from, scenario_trace:name_of(Pid), scenario_trace:reason(Reason)], State),
    exit(Reason);
takes({'EXIT', Pid, Reason}, How, State) ->
    saw(How ++ [exit, from, scenario_trace:name_of(Pid), scenario_trace:reason(Reason)], State),
    carry_out(exit, State);
takes({'DOWN', Reference, process, Pid, Reason}, How, #{monitors := Monitors} = State) ->
    Monitor = maps:get(Reference, Monitors),
    saw(How ++ [down, Monitor, 'of', scenario_trace:name_of(Pid), scenario_trace:reason(Reason)], State),
    carry_out(down, State);
takes({'$gen_call', From, {call, Caller, Request}}, How, #{calls := Calls} = State) ->
    saw(How ++ [call, Request, from, Caller], State),
    State#{calls := Calls#{Request => From}};
takes({Reference, Change, Group, Pids}, How, State) when is_reference(Reference) ->
    Names = [scenario_trace:name_of(Pid) || Pid <- Pids],
    saw(How ++ [Group, Change | lists:sort(Names)], State).

saw(Words, #{name := Name} = State) ->
    scenario_trace:saw(Name, Words),
    State.

%% `on down a looks up bob`: what it does at once when such a signal comes.
carry_out(Signal, #{plans := Plans} = State) ->
    {Now, Later} = lists:partition(fun({On, _}) -> On =:= Signal end, Plans),
    lists:foldl(fun({_, Command}, Before) -> do(Command, Before) end, State#{plans := Later}, Now).

%% What it does

do([plans, Signal | Command], #{plans := Plans} = State) -> State#{plans := Plans ++ [{Signal, Command}]};
do([notes, Word], State) -> saw([notes, Word], State);
do([traps, exits], State) -> process_flag(trap_exit, true), State;
do([stops, trapping], State) -> process_flag(trap_exit, false), State;
do([links, Name], State) -> link(scenario_trace:pid(Name)), State;
do([unlinks, Name], State) -> unlink(scenario_trace:pid(Name)), State;
do([spawns, Child, linked | Options], State) ->
    Pid = spawn_opt(fun() -> child(Child, Options) end, [link]),
    exits_at_once(Pid, Options),
    named(Child, Options, Pid),
    State;
do([spawns, Child, monitored, as, Monitor | Options], #{monitors := Monitors} = State) ->
    {Pid, Reference} = spawn_opt(fun() -> child(Child, Options) end, [monitor]),
    exits_at_once(Pid, Options),
    named(Child, Options, Pid),
    State#{monitors := Monitors#{Reference => Monitor}};
do([monitors, Name, as, Monitor], #{monitors := Monitors} = State) ->
    State#{monitors := Monitors#{erlang:monitor(process, scenario_trace:pid(Name)) => Monitor}};
do([demonitors, Monitor], State) -> erlang:demonitor(reference(Monitor, State)), State;
do([demonitors, Monitor, flushing], State) -> erlang:demonitor(reference(Monitor, State), [flush]), State;
do([sends, Name, Word], #{name := Self} = State) -> scenario_trace:pid(Name) ! {mail, Self, Word}, State;
do([exits, Name, Reason], State) -> exit(scenario_trace:pid(Name), scenario_options:reason(Reason)), State;
do([sends, Name, Count, numbers], State) ->
    Last = list_to_integer(atom_to_list(Count)),
    Pid = scenario_trace:pid(Name),
    [Pid ! {number, Number, Last} || Number <- lists:seq(1, Last)],
    State;
do([spins], State) -> self() ! spin, State#{spinning := true};
do([rests], State) -> State#{spinning := false};
do([fails, Reason], _) -> exit(scenario_options:reason(Reason));
do([waits, 'for', Name], State) ->
    Reference = erlang:monitor(process, scenario_trace:pid(Name)),
    receive {'DOWN', Reference, process, _, Reason} ->
        saw([waits, 'for', Name, gives, scenario_trace:reason(Reason)], State)
    end;
%% What it has started calls it, and sends it the answer.
do([helps, itself, with, Request], State) ->
    Self = self(),
    spawn(fun() -> Self ! {mail, helper, gen_server:call(Self, {call, helper, Request})} end),
    State;
do([works], State) -> receive released -> State end;
do([hogs], State) -> hog(), State;
do([holds, its, mail], State) -> State#{holding := true};
do([reads, on], State) -> State#{holding := false};
do([takes, What | Within], State) -> receive_only(What, patience(Within), State);
do([starts, server, Server | Options], State) -> saw(scenario_server:start_link(Server, Options), State);
do([starts, timer, Timer, Word, 'after', Delay], #{timers := Timers} = State) ->
    State#{timers := Timers#{Timer => erlang:send_after(scenario_trace:milliseconds(Delay), self(), {timer, Word})}};
do([starts, timer, Timer, Word, 'after', Delay, 'for', Name], #{timers := Timers} = State) ->
    Reference = erlang:send_after(scenario_trace:milliseconds(Delay), scenario_trace:pid(Name), {timer, Word}),
    State#{timers := Timers#{Timer => Reference}};
do([cancels, Timer], #{timers := Timers} = State) ->
    case erlang:cancel_timer(maps:get(Timer, Timers)) of
        false -> saw([cancels, Timer, too, late], State);
        _ -> saw([cancels, Timer, in, time], State)
    end;
do([calls, Name, Request | Within], #{name := Self} = State) ->
    Answer = try gen_server:call(scenario_trace:pid(Name), {call, Self, Request}, call_timeout(Within))
             catch exit:{Reason, _} -> scenario_options:call_failure(Reason)
             end,
    saw([call, to, Name, Request, gives, Answer], State);
do([reaches, Registered, Request], #{name := Self} = State) ->
    Answer = try gen_server:call(Registered, {call, Self, Request})
             catch exit:{Reason, _} -> scenario_options:call_failure(Reason)
             end,
    saw([reaches, Registered, Request, gives, Answer], State);
do([mails, Registered, Word], #{name := Self} = State) ->
    gen_server:cast(Registered, {cast, Self, Word}),
    State;
do([casts, Name, Word], #{name := Self} = State) ->
    gen_server:cast(scenario_trace:pid(Name), {cast, Self, Word}),
    State;
do([tells, Name, Word], #{name := Self} = State) ->
    gen_statem:cast(scenario_trace:pid(Name), {Self, Word}),
    State;
do([asks, Name, Word], #{name := Self} = State) ->
    Answer = try gen_statem:call(scenario_trace:pid(Name), {Self, Word})
             catch exit:{Reason, _} -> scenario_options:call_failure(Reason)
             end,
    saw([asks, Name, Word, 'and', hears, Answer], State);
do([answers, Request, Answer], #{calls := Calls} = State) ->
    gen_server:reply(maps:get(Request, Calls), Answer),
    State;
%% There is no token to drop: the request is only forgotten.
do([drops, Request], #{calls := Calls} = State) -> State#{calls := maps:remove(Request, Calls)};
do([registers, as, Name], State) -> saw([registers, as, Name, attempt(fun() -> register(Name, self()) end)], State);
do([registers, Other, as, Name], State) ->
    saw([registers, Other, as, Name, attempt(fun() -> register(Name, scenario_trace:pid(Other)) end)], State);
do([unregisters, Name], State) -> saw([unregisters, Name, attempt(fun() -> unregister(Name) end)], State);
do([looks, up, Name], State) ->
    case whereis(Name) of
        undefined -> saw([Name, is, nobody], State);
        Pid -> saw([Name, is, scenario_trace:name_of(Pid)], State)
    end;
do([joins, Group], State) -> pg:join(Group, self()), State;
do([leaves, Group], State) -> pg:leave(Group, self()), State;
do([lists, Group], State) -> saw([Group, has | members(Group)], State);
do([watches, Group], State) -> pg:monitor(Group), State.

exits_at_once(Pid, Options) ->
    case scenario_options:value(exited, Options) of
        none -> ok;
        Reason -> exit(Pid, scenario_options:reason(Reason))
    end.

%% It never waits: it has the processor whenever it may.
hog() -> receive released -> ok after 0 -> hog() end.

%% The witness comes too late for one that ends at once; what its parent is told is the point there.
named(Child, [], Pid) -> scenario_trace:name(Pid, Child), scenario_witness:watch(Child);
named(Child, _EndsAtOnce, Pid) -> scenario_trace:name(Pid, Child).

child(Name, Options) ->
    scenario_trace:name(self(), Name),
    init(Name, Options).

reference(Monitor, #{monitors := Monitors}) ->
    [Reference] = [Reference || {Reference, Known} <- maps:to_list(Monitors), Known =:= Monitor],
    Reference.

receive_only(What, Patience, State) ->
    receive
        {mail, _, What} = Message -> takes(Message, [takes], State);
        {mail, _, _} = Message when What =:= anything -> takes(Message, [takes], State);
        {'EXIT', _, _} = Message when What =:= exit; What =:= anything -> takes(Message, [takes], State);
        {'DOWN', _, _, _, _} = Message when What =:= down; What =:= anything -> takes(Message, [takes], State);
        {timer, _} = Message when What =:= timer; What =:= anything -> takes(Message, [takes], State)
    after Patience ->
        saw([takes, nothing], State)
    end.

patience([]) -> infinity;
patience([within, Duration]) -> scenario_trace:milliseconds(Duration).

call_timeout([]) -> 5000;
call_timeout([within, Duration]) -> scenario_trace:milliseconds(Duration).

attempt(Action) ->
    try Action() of _ -> succeeds
    catch error:badarg -> fails
    end.

members(Group) ->
    case lists:sort([scenario_trace:name_of(Pid) || Pid <- pg:get_members(Group)]) of
        [] -> [nobody];
        Names -> Names
    end.
