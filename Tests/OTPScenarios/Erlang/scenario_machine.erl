%% The scripted gen_statem. Its states are words, and what it does is in the events: `go:S`, `wait-for:S`, `stop:R`,
%% `fail:R`, `again`, `beat:30ms`, `still`, `quiet:30ms`, `next:W`; any other event leaves it in its state.
-module(scenario_machine).
-behaviour(gen_statem).
-export([start/2, init/1, callback_mode/0, handle_event/4, terminate/3]).

%% Options: `in closed leaving open after 50ms for closed`.
start(Name, Options) ->
    case gen_statem:start(?MODULE, {Name, Options}, []) of
        {ok, _} -> [Name, starts];
        {error, Reason} -> [Name, cannot, start, scenario_trace:reason(Reason)]
    end.

callback_mode() -> [handle_event_function, state_enter].

init({Name, Options}) ->
    scenario_trace:name(self(), Name),
    scenario_witness:watch(Name),
    {ok, scenario_options:value(in, Options), #{name => Name, options => Options, entered => false}}.

handle_event(enter, _, State, #{entered := false} = Data) ->
    saw([enters, State, from, nowhere], Data),
    {keep_state, Data#{entered := true}, stay_within(State, Data)};
handle_event(enter, Previous, State, Data) ->
    saw([enters, State, from, Previous], Data),
    {keep_state_and_data, stay_within(State, Data)};
handle_event(state_timeout, leave, State, #{options := Options} = Data) ->
    saw([timeout, in, State], Data),
    {next_state, scenario_options:value(for, Options), Data};
handle_event({timeout, beat}, _, State, Data) ->
    saw([beat, in, State], Data),
    keep_state_and_data;
handle_event(timeout, _, State, Data) ->
    saw([quiet, in, State], Data),
    keep_state_and_data;
handle_event(info, {mail, Sender, Word}, State, Data) ->
    saw([info, Word, from, Sender, in, State], Data),
    transition(Word, State, Data, []);
handle_event(internal, Word, State, #{name := Name} = Data) ->
    saw([Word, from, Name, in, State], Data),
    transition(Word, State, Data, []);
%% From then on there is always an event for it.
handle_event(cast, {Name, spin}, _, #{name := Name}) ->
    gen_statem:cast(self(), {Name, spin}),
    keep_state_and_data;
handle_event(cast, {Teller, spin}, State, #{name := Name} = Data) ->
    saw([spin, from, Teller, in, State], Data),
    gen_statem:cast(self(), {Name, spin}),
    keep_state_and_data;
handle_event(cast, {Teller, Word}, State, Data) ->
    saw([Word, from, Teller, in, State], Data),
    transition(Word, State, Data, []);
handle_event({call, From}, {Asker, Word}, State, Data) ->
    saw([Word, from, Asker, in, State], Data),
    transition(Word, State, Data, [{reply, From, State}]).

stay_within(State, #{options := Options}) ->
    case scenario_options:value(leaving, Options) of
        State -> [{state_timeout, scenario_trace:milliseconds(scenario_options:value('after', Options)), leave}];
        _ -> []
    end.

transition(Word, State, Data, Replies) ->
    case scenario_options:split(Word) of
        {go, Next} -> {next_state, Next, Data, Replies};
        {'wait-for', Other} when Other =/= State -> {keep_state_and_data, [postpone]};
        {stop, Reason} -> {stop_and_reply, scenario_options:reason(Reason), Replies};
        {fail, Reason} -> exit(scenario_options:reason(Reason));
        {again, none} -> {repeat_state, Data, Replies};
        {beat, Time} -> {keep_state_and_data, [{{timeout, beat}, scenario_trace:milliseconds(Time), beat} | Replies]};
        {still, none} -> {keep_state_and_data, [{{timeout, beat}, cancel} | Replies]};
        {quiet, Time} -> {keep_state_and_data, [{timeout, scenario_trace:milliseconds(Time), quiet} | Replies]};
        {next, Next} -> {keep_state_and_data, [{next_event, internal, Next} | Replies]};
        _ -> {keep_state_and_data, Replies}
    end.

terminate(Reason, State, Data) -> saw([terminate, scenario_trace:reason(Reason), in, State], Data).

saw(Words, #{name := Name}) -> scenario_trace:saw(Name, Words).
