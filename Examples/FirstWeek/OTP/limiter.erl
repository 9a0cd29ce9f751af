%% A limiter: each key has a bucket of tokens, and a request takes one. Every so often each bucket gets one more.

-module(limiter).
-behaviour(gen_server).

-export([main/0, start_link/2, allow/1, count/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

start_link(Capacity, Interval) ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, {Capacity, Interval}, []).

allow(Key) ->
    gen_server:call(?MODULE, {allow, Key}).

%% How many keys are remembered.
count() ->
    gen_server:call(?MODULE, count).

init({Capacity, Interval}) ->
    {ok, _} = timer:send_interval(Interval, refill),
    {ok, #{capacity => Capacity, tokens => #{}}}.

handle_call({allow, Key}, _From, #{capacity := Capacity, tokens := Tokens} = State) ->
    case maps:get(Key, Tokens, Capacity) of
        0 ->
            {reply, false, State};
        Left ->
            {reply, true, State#{tokens := Tokens#{Key => Left - 1}}}
    end;
handle_call(count, _From, #{tokens := Tokens} = State) ->
    {reply, map_size(Tokens), State}.

handle_cast(_Cast, State) ->
    {noreply, State}.

%% A bucket that is full is forgotten: a key that nobody knows has all its tokens.
handle_info(refill, #{capacity := Capacity, tokens := Tokens} = State) ->
    More = maps:map(fun(_Key, Left) -> Left + 1 end, Tokens),
    {noreply, State#{tokens := maps:filter(fun(_Key, Left) -> Left < Capacity end, More)}}.

main() ->
    {ok, Limiter} = start_link(3, timer:minutes(1)),
    Ask = fun(Key, Times) -> lists:join(", ", [atom_to_list(allow(Key)) || _ <- lists:seq(1, Times)]) end,
    io:format("ann: ~s~n", [Ask("ann", 4)]),
    io:format("bob: ~s~n", [Ask("bob", 1)]),
    %% What the timer sends each minute.
    Limiter ! refill,
    io:format("a minute later: ann: ~s~n", [Ask("ann", 2)]),
    io:format("keys: ~p~n", [count()]),
    [Limiter ! refill || _ <- lists:seq(1, 3)],
    io:format("keys three minutes later: ~p~n", [count()]).
