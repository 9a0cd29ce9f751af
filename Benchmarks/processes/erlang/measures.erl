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
    {Pid, Monitor} = spawn_opt(fun() -> Self ! {self(), Fun()} end, [monitor | placed(Scheduler) ++ Options]),
    {Pid, Monitor}.

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
on_each(Count, Work) -> on_each(Count, Work, []).

on_each(Count, Work, Options) ->
    Schedulers = erlang:system_info(schedulers),
    Share = max(1, Count div Schedulers),
    Started = [start(Number, fun() -> Work(Share, Number) end, Options) || Number <- lists:seq(1, Schedulers)],
    Samples = [await(Process) || Process <- Started],
    merge(Samples).

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

handle_cast(_, Total) -> {noreply, Total}.

%% A million timers: set, cancelled, and rung when their time has come. On several schedulers: a part on each.

timers(Count) ->
    _ = timer_samples(Count div 10),
    [{Name, each(Sample)} || {Name, Sample} <- timer_samples(Count)].

%% The references need room: without it the collector's work would count as the timers'.
timer_samples(Count) ->
    Set = on_each(Count, fun set_and_cancel/2, [{min_heap_size, 20000000}]),
    Fired = on_each(Count, fun let_ring/2, [{min_heap_size, 20000000}]),
    [{"timer set", Set}, {"timer fire", Fired}].

set_and_cancel(_, _) -> {1, 0, 0}.
let_ring(_, _) -> {1, 0, 0}.

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
