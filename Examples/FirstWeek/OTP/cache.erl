%% A cache: what is in its table is read at once, and its process is asked only for what is not, or has expired.

-module(cache).
-behaviour(gen_server).

-export([main/0, start_link/0, fetch/3]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% The value under a key; if there is none, what Make returns, which is good for Time.
fetch(Key, Time, Make) ->
    case lookup(Key) of
        {ok, Value} -> Value;
        error -> gen_server:call(?MODULE, {fetch, Key, Time, Make})
    end.

lookup(Key) ->
    Now = now_ms(),
    case ets:lookup(?MODULE, Key) of
        [{Key, Value, End}] when End > Now -> {ok, Value};
        _ -> error
    end.

now_ms() ->
    erlang:monotonic_time(millisecond).

init([]) ->
    ?MODULE = ets:new(?MODULE, [named_table, {read_concurrency, true}]),
    {ok, _} = timer:send_interval(timer:minutes(1), sweep),
    {ok, []}.

handle_call({fetch, Key, Time, Make}, _From, State) ->
    %% Whoever asked before has filled it.
    case lookup(Key) of
        {ok, Value} ->
            {reply, Value, State};
        error ->
            Value = Make(),
            ets:insert(?MODULE, {Key, Value, now_ms() + Time}),
            {reply, Value, State}
    end.

handle_cast(_Cast, State) ->
    {noreply, State}.

handle_info(sweep, State) ->
    ets:select_delete(?MODULE, [{{'_', '_', '$1'}, [{'=<', '$1', now_ms()}], [true]}]),
    {noreply, State}.

main() ->
    {ok, Cache} = start_link(),
    Make = fun(Value) -> fun() -> io:format("making ~p~n", [Value]), Value end end,
    Long = timer:hours(1),
    io:format("tea: ~p~n", [fetch("tea", Long, Make(3))]),
    io:format("tea: ~p~n", [fetch("tea", Long, Make(4))]),
    io:format("milk: ~p~n", [fetch("milk", 0, Make(1))]),
    io:format("milk: ~p~n", [fetch("milk", 0, Make(2))]),
    Same = [spawn_monitor(fun() -> fetch("rice", Long, Make(7)) end) || _ <- lists:seq(1, 5)],
    [receive {'DOWN', Monitor, process, _, normal} -> ok end || {_, Monitor} <- Same],
    %% What the timer sends each minute.
    Cache ! sweep,
    io:format("rice: ~p~n", [fetch("rice", Long, Make(8))]),
    sys:get_state(Cache),
    io:format("~p are left~n", [ets:info(?MODULE, size)]).
