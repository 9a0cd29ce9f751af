%% What processes cost on the BEAM: erl -noshell -run measures main MEASURE SECONDS. Prints a line for each figure: its name and
%% its value, in nanoseconds or bytes. The Swift files of ../swift do the same in the same way.
-module(measures).
-behaviour(gen_server).
-export([main/1]).
-export([init/1, handle_call/3, handle_cast/2]).

main([Name, Seconds]) ->
    Figures = as_process(1, fun() -> measure(Name, list_to_float(Seconds)) end),
    [io:format("~s ~.2f~n", [Figure, Value * 1.0]) || {Figure, Value} <- Figures],
    halt(0).

measure("ring", Seconds) -> workload("ring", Seconds, fun ring/1);
measure("pingpong", Seconds) -> workload("ping-pong", Seconds, fun ping_pong/1);
measure("cross", Seconds) -> workload("cross ping-pong", Seconds, fun cross_ping_pong/1);
measure("spawn", Seconds) -> workload("spawn and exit", Seconds, fun spawn_and_exit/1);
measure("fanin", Seconds) -> workload("fan-in", Seconds, fun fan_in/1);
measure("call", Seconds) -> workload("call", Seconds, fun calls/1);
measure("timers", _) -> timers(1000000);
measure("backlog", _) -> backlog(100000);
measure("ticker", Seconds) -> ticker(8, Seconds);
measure("neighbour", _) -> neighbour(200);
measure("busycall", _) -> busy_call(10);
measure("downs", _) -> downs(20000);
measure("idle", _) -> idle_memory(100000).

%% Warms up until a run takes a fifth of the time, then measures one run that takes all of it.
workload(Name, Seconds, Sample) -> workload(Name, Seconds, Sample, 1000).

workload(Name, Seconds, Sample, Count) ->
    {Operations, Begin, End} = Sample(Count),
    case (End - Begin) / 1.0e9 of
        Took when Took < Seconds / 5 -> workload(Name, Seconds, Sample, Count * 2);
        _ ->
            Measured = trunc(Operations * Seconds * 1.0e9 / (End - Begin)),
            [{Name, each(Sample(Measured))}]
    end.

each({Operations, Begin, End}) -> (End - Begin) / Operations.

now_ns() -> erlang:monotonic_time(nanosecond).

%% Runs Fun as a process on a scheduler and waits for what it returns.
as_process(Scheduler, Fun) -> await(start(Scheduler, Fun, [])).

start(Scheduler, Fun, Options) ->
    Self = self(),
    spawn_opt(fun() -> Self ! {self(), Fun()} end, [monitor | placed(Scheduler) ++ Options]).

await({Pid, Monitor}) ->
    receive
        {Pid, Value} -> erlang:demonitor(Monitor, [flush]), Value;
        {'DOWN', Monitor, process, Pid, Reason} -> exit(Reason)
    end.

%% The emulator's own option, in no manual, that ties a process to a scheduler; needless where there is but one.
placed(Scheduler) ->
    case erlang:system_info(schedulers) of
        1 -> [];
        _ -> [{scheduler, Scheduler}]
    end.

spawn_on(Scheduler, Fun) -> spawn_opt(Fun, placed(Scheduler)).

%% The same work on each scheduler at the same time, Count operations in all: from the first begin to the last end.
on_each(Count, Work) -> merge(collect(Count, Work, [])).

collect(Count, Work, Options) ->
    Schedulers = erlang:system_info(schedulers),
    Share = max(1, Count div Schedulers),
    Started = [start(Number, fun() -> Work(Share, Number) end, Options) || Number <- lists:seq(1, Schedulers)],
    [await(Process) || Process <- Started].

merge(Samples) ->
    {Operations, Begins, Ends} = lists:unzip3(Samples),
    {lists:sum(Operations), lists:min(Begins), lists:max(Ends)}.

%% A ring of a thousand processes, around which one message goes. On several schedulers: a ring on each.

-define(RING, 1000).

ring(Count) -> on_each(Count, fun(Hops, Scheduler) -> around(max(1, Hops div ?RING), Scheduler) end).

around(Laps, Scheduler) ->
    First = lists:foldl(
        fun(_, Next) -> spawn_on(Scheduler, fun() -> member(Next) end) end, self(), lists:seq(2, ?RING)),
    First ! 0,
    receive 0 -> ok end,
    Begin = now_ns(),
    laps(Laps, First),
    End = now_ns(),
    First ! stop,
    receive stop -> ok end,
    {Laps * ?RING, Begin, End}.

laps(0, _) -> ok;
laps(Left, First) ->
    First ! Left,
    receive _ -> laps(Left - 1, First) end.

member(Next) ->
    receive
        stop -> Next ! stop;
        Message -> Next ! Message, member(Next)
    end.

%% Two processes of one scheduler and one message between them. On several: a pair on each.

ping_pong(Count) -> on_each(Count, fun(Trips, Scheduler) -> play(Trips, Scheduler) end).

cross_ping_pong(Count) -> as_process(1, fun() -> play(Count, 2) end).

play(Trips, Partner) ->
    Self = self(),
    Opponent = spawn_on(Partner, fun() -> answer(Self) end),
    trips(1, Opponent),
    Begin = now_ns(),
    trips(Trips, Opponent),
    End = now_ns(),
    Opponent ! stop,
    {Trips, Begin, End}.

trips(0, _) -> ok;
trips(Left, Opponent) ->
    Opponent ! Left,
    receive _ -> trips(Left - 1, Opponent) end.

answer(Back) ->
    receive
        stop -> ok;
        Message -> Back ! Message, answer(Back)
    end.

%% Each process spawns the next one and ends. On several schedulers: a chain on each.

spawn_and_exit(Count) ->
    on_each(Count, fun(Share, _) ->
        Self = self(),
        Begin = now_ns(),
        chain(Share, Self),
        receive done -> ok end,
        {Share, Begin, now_ns()}
    end).

chain(Left, Last) ->
    spawn(fun() ->
        if
            Left > 1 -> chain(Left - 1, Last);
            true -> Last ! done
        end
    end).

%% Eight senders, one receiver; bursts of a thousand from each. On several schedulers the senders are spread over them.

-define(SENDERS, 8).
-define(BURST, 1000).

fan_in(Count) -> as_process(1, fun() -> fan_in_here(max(1, Count div (?SENDERS * ?BURST))) end).

fan_in_here(Rounds) ->
    Self = self(),
    Schedulers = erlang:system_info(schedulers),
    Senders = [
        spawn_on(Number rem Schedulers + 1, fun() -> sender(Self) end)
     || Number <- lists:seq(0, ?SENDERS - 1)
    ],
    rounds(1, Senders),
    Begin = now_ns(),
    rounds(Rounds, Senders),
    End = now_ns(),
    [exit(Sender, shutdown) || Sender <- Senders],
    {Rounds * ?SENDERS * ?BURST, Begin, End}.

rounds(0, _) -> ok;
rounds(Left, Senders) ->
    [Sender ! ?BURST || Sender <- Senders],
    take(?SENDERS * ?BURST),
    rounds(Left - 1, Senders).

take(0) -> ok;
take(Left) -> receive _ -> take(Left - 1) end.

sender(Receiver) ->
    receive
        Burst -> send_all(Burst, Receiver), sender(Receiver)
    end.

send_all(0, _) -> ok;
send_all(Left, Receiver) -> Receiver ! Left, send_all(Left - 1, Receiver).

%% A process calls a gen_server that lives on its scheduler, with the default timeout of 5 s. On several: a pair on each.

calls(Count) ->
    on_each(Count, fun(Share, Scheduler) ->
        {ok, Server} = gen_server:start(?MODULE, 0, [{spawn_opt, placed(Scheduler)}]),
        call_all(1, Server),
        Begin = now_ns(),
        call_all(Share, Server),
        End = now_ns(),
        gen_server:stop(Server),
        {Share, Begin, End}
    end).

call_all(0, _) -> ok;
call_all(Left, Server) ->
    _ = gen_server:call(Server, {add, 1}),
    call_all(Left - 1, Server).

init(Total) -> {ok, Total}.

handle_call({add, Number}, _From, Total) -> {reply, Total + Number, Total + Number}.

handle_cast({work, Time}, Total) ->
    spin(now_ns() + Time),
    {noreply, Total}.

%% A million timers: set, then cancelled; and once more, rung when their time has come. On several schedulers: a share on each.

timers(Count) ->
    _ = timer_samples(Count div 10),
    timer_samples(Count).

timer_samples(Count) ->
    {Set, Cancelled} = lists:unzip(collect(Count, fun(Share, _) -> set_and_cancel(Share) end, room_for(Count))),
    {_, Begin, End} = merge(Set),
    Enough = (End - Begin) * 3 div 2000000 + 100,
    Fired = merge(collect(Count, fun(Share, _) -> fire(Share, Enough) end, room_for(Count))),
    [{"timer set", each(merge(Set))}, {"timer cancel", each(merge(Cancelled))}, {"timer fire", each(Fired)}].

%% Words for all references, so that what the collector does with them does not count as the timers' work.
room_for(Count) -> [{min_heap_size, 12 * Count div erlang:system_info(schedulers) + 10000}].

set_and_cancel(Count) ->
    Begin = now_ns(),
    Timers = set_all(Count, []),
    Between = now_ns(),
    cancel_all(Timers),
    {{Count, Begin, Between}, {Count, Between, now_ns()}}.

%% From one to two minutes away, in no order.
set_all(0, Timers) -> Timers;
set_all(Left, Timers) ->
    Timer = erlang:send_after(60000 + Left * 7919 rem 60000, self(), tick),
    set_all(Left - 1, [Timer | Timers]).

cancel_all([]) -> ok;
cancel_all([Timer | Timers]) ->
    _ = erlang:cancel_timer(Timer),
    cancel_all(Timers).

%% All come due within ten milliseconds, after the last has been set: from the first's time to the last's arrival.
fire(Count, Milliseconds) ->
    Due = erlang:monotonic_time(millisecond) + Milliseconds,
    set_due(Count, Due),
    Late = erlang:monotonic_time(millisecond) >= Due,
    take(Count),
    End = now_ns(),
    if
        Late -> fire(Count, Milliseconds * 2);
        true -> {Count, Due * 1000000, End}
    end.

set_due(0, _) -> ok;
set_due(Left, Due) ->
    _ = erlang:send_after(Due + Left rem 10, self(), tick, [{abs, true}]),
    set_due(Left - 1, Due).

%% A ticker of 5 ms beside a process that has 100,000 messages to handle, of 20 us each: how late the ticks are. All on one scheduler.

-define(INTERVAL, 5).

backlog(Count) ->
    Consumer = spawn_on(1, fun consume/0),
    Lateness = as_process(1, fun() ->
        send_all(Count, Consumer),
        %% It is not halfway through by then.
        tick(Count * 20 div 2000)
    end),
    exit(Consumer, kill),
    spread("ticker beside a backlog", Lateness).

consume() ->
    receive
        _ -> spin(now_ns() + 20000), consume()
    end.

%% Works until then, and does not wait.
spin(End) ->
    case now_ns() < End of
        true -> spin(End);
        false -> ok
    end.

%% The same ticker beside eight processes that pass messages back and forth with eight others all the time.

ticker(Pairs, Seconds) ->
    Players = lists:append([pair() || _ <- lists:seq(1, Pairs)]),
    Lateness = as_process(1, fun() -> tick(trunc((Seconds + 0.5) * 1000)) end),
    [exit(Player, kill) || Player <- Players],
    spread("ticker beside ping-pong", Lateness).

pair() ->
    [One, Other] = Players = [spawn_on(1, fun player/0) || _ <- [1, 2]],
    One ! {ball, Other},
    Players.

player() ->
    receive
        {ball, From} -> From ! {ball, self()}, player()
    end.

%% The neighbours of a process that always finds a message, its own: how long a question and its answer take.

neighbour(Questions) ->
    Busy = spawn_on(1, fun always/0),
    Times = as_process(1, fun() ->
        Self = self(),
        Answerer = spawn_on(1, fun() -> answer(Self) end),
        Busy ! 0,
        Times = questions(Questions, Answerer, []),
        exit(Answerer, kill),
        Times
    end),
    exit(Busy, kill),
    spread("neighbour of a busy mailbox", Times).

always() ->
    receive
        Message -> self() ! Message, always()
    end.

questions(0, _, Times) -> Times;
questions(Left, Answerer, Times) ->
    Begin = now_ns(),
    Answerer ! Left,
    receive _ -> ok end,
    questions(Left - 1, Answerer, [now_ns() - Begin | Times]).

spread(Name, Times) ->
    Sorted = lists:sort(Times),
    [
        {Name ++ ": median", lists:nth(length(Sorted) div 2 + 1, Sorted)},
        {Name ++ ": worst", lists:last(Sorted)}
    ].

%% Sets a timer every 5 ms, and takes how late each message comes. A tick whose time has passed meanwhile is left out.
tick(Milliseconds) ->
    Begin = erlang:monotonic_time(millisecond),
    ticks(Begin + ?INTERVAL, Begin + Milliseconds, []).

ticks(Due, End, Lateness) when Due < End ->
    _ = erlang:send_after(Due, self(), tick, [{abs, true}]),
    receive tick -> ok end,
    Late = now_ns() - Due * 1000000,
    Missed = Late div (?INTERVAL * 1000000),
    ticks(Due + (Missed + 1) * ?INTERVAL, End, [Late | Lateness]);
ticks(_, _, Lateness) -> Lateness.

%% Calls with a timeout of 100 ms to a server that is busy for seconds: how long until the caller is told.

busy_call(Calls) ->
    {ok, Server} = gen_server:start(?MODULE, 0, [{spawn_opt, placed(1)}]),
    gen_server:cast(Server, {work, 3000000000}),
    Times = as_process(erlang:system_info(schedulers), fun() -> [timed_out(Server) || _ <- lists:seq(1, Calls)] end),
    spread("timeout of 100 ms, busy server", Times).

timed_out(Server) ->
    Begin = now_ns(),
    try gen_server:call(Server, {add, 1}, 100) of
        _ -> exit(unexpected_answer)
    catch
        exit:{timeout, _} -> now_ns() - Begin
    end.

%% The downs of twenty thousand monitored processes that were killed wait in a mailbox, and are taken with a timeout each.

downs(Count) ->
    Schedulers = erlang:system_info(schedulers),
    Sample = as_process(1, fun() ->
        Processes = [
            spawn_on(Number rem Schedulers + 1, fun() -> receive _ -> ok end end)
         || Number <- lists:seq(1, Count)
        ],
        [erlang:monitor(process, Process) || Process <- Processes],
        [exit(Process, kill) || Process <- Processes],
        _ = erlang:send_after(500, self(), 'begin'),
        receive 'begin' -> ok end,
        Begin = now_ns(),
        take_downs(Count),
        {Count, Begin, now_ns()}
    end),
    [{"down taken with a timeout", each(Sample)}].

take_downs(0) -> ok;
take_downs(Left) ->
    receive
        {'DOWN', _, process, _, killed} -> take_downs(Left - 1)
    after 5000 -> exit({missing, Left})
    end.

%% What a process holds that waits in receive after its first message.

idle_memory(Count) ->
    Early = spawn_idle(1000),
    Before = resident(),
    BeforeVM = erlang:memory(total),
    Idle = spawn_idle(Count),
    Figures = [
        {"idle process", (resident() - Before) / Count},
        {"idle process, heap", (erlang:memory(total) - BeforeVM) / Count}
    ],
    [exit(Process, kill) || Process <- Idle ++ Early],
    Figures.

spawn_idle(Count) ->
    Self = self(),
    Idle = [spawn(fun() -> answer(Self) end) || _ <- lists:seq(1, Count)],
    [begin Process ! 1, receive 1 -> ok end end || Process <- Idle],
    Idle.

%% Bytes of physical memory: the second number of /proc/self/statm, in pages of 4 KiB or as the system has them.
resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Resident | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Resident) * 4096.
