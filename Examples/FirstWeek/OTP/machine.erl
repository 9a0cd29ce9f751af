%% An order: it waits for its payment, but not for ever, is shipped and arrives.

-module(machine).
-behaviour(gen_statem).

-export([main/0, start_link/2, pay/2, ship/1, deliver/1, state/1]).
-export([callback_mode/0, init/1, handle_event/4]).

start_link(Price, Patience) ->
    gen_statem:start_link(?MODULE, {Price, Patience}, []).

pay(Order, Amount) ->
    gen_statem:call(Order, {pay, Amount}).

ship(Order) ->
    gen_statem:cast(Order, ship).

deliver(Order) ->
    gen_statem:cast(Order, deliver).

state(Order) ->
    gen_statem:call(Order, state).

callback_mode() ->
    [handle_event_function, state_enter].

init({Price, Patience}) ->
    {ok, unpaid, #{price => Price, patience => Patience}}.

handle_event(enter, _Previous, unpaid, #{patience := Patience}) ->
    {keep_state_and_data, {state_timeout, Patience, late}};
handle_event(state_timeout, late, unpaid, _Order) ->
    {stop, {shutdown, "not paid in time"}};
handle_event({call, From}, state, State, _Order) ->
    {keep_state_and_data, {reply, From, State}};
handle_event({call, From}, {pay, Amount}, unpaid, #{price := Price} = Order) when Amount >= Price ->
    {next_state, paid, Order, {reply, From, accepted}};
handle_event({call, From}, {pay, _Amount}, unpaid, _Order) ->
    {keep_state_and_data, {reply, From, short}};
handle_event({call, From}, {pay, _Amount}, _State, _Order) ->
    {keep_state_and_data, {reply, From, refused}};
%% It is shipped as soon as it is paid.
handle_event(cast, ship, unpaid, _Order) ->
    {keep_state_and_data, postpone};
handle_event(cast, ship, paid, Order) ->
    {next_state, shipped, Order};
handle_event(cast, deliver, shipped, _Order) ->
    {stop, normal};
handle_event(_Type, _Event, _State, _Order) ->
    keep_state_and_data.

main() ->
    process_flag(trap_exit, true),
    {ok, Order} = start_link(10, timer:minutes(30)),
    ship(Order),
    io:format("5 of 10: ~p, the order is ~p~n", [pay(Order, 5), state(Order)]),
    io:format("10 of 10: ~p, the order is ~p~n", [pay(Order, 10), state(Order)]),
    io:format("10 again: ~p, the order is ~p~n", [pay(Order, 10), state(Order)]),
    deliver(Order),
    receive
        {'EXIT', Order, Reason} -> io:format("delivered: ~p~n", [Reason])
    end,
    {ok, Forgotten} = start_link(10, 1),
    receive
        {'EXIT', Forgotten, {shutdown, Why}} -> io:format("another: ~s~n", [Why])
    end.
