%% The scripted gen_server. What it does is in the requests: `stop:R`, `fail:R`, `later`, `answer:X`, `continue:X`,
%% `ask:P`, `await:P`; any other call is answered with itself.
-module(scenario_server).
-behaviour(gen_server).
-export([start/2, start_link/2, start_child/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2, terminate/2]).

%% From outside, linked to nobody.
start(Name, Options) ->
    started(Name, case scenario_options:value(named, Options) of
        none -> gen_server:start(?MODULE, {Name, Options}, []);
        Registered -> gen_server:start({local, Registered}, ?MODULE, {Name, Options}, [])
    end).

start_link(Name, Options) -> started(Name, gen_server:start_link(?MODULE, {Name, Options}, [])).

%% As the child of a supervisor, which calls this.
start_child(Name, Options) ->
    case scenario_options:value(named, Options) of
        none -> gen_server:start_link(?MODULE, {child, Name, Options}, []);
        Registered -> gen_server:start_link({local, Registered}, ?MODULE, {child, Name, Options}, [])
    end.

%% What its starter sees.
started(Name, {ok, _}) -> [Name, starts];
started(Name, {error, {already_started, _}}) -> [Name, cannot, start, already_started];
started(Name, {error, Reason}) -> [Name, cannot, start, scenario_trace:reason(Reason)].

init({child, Name, Options}) ->
    scenario_trace:name(self(), Name),
    scenario_witness:watch_child(Name),
    begin_with(Name, Options);
init({Name, Options}) ->
    scenario_trace:name(self(), Name),
    scenario_witness:watch(Name),
    begin_with(Name, Options).

begin_with(Name, Options) ->
    process_flag(trap_exit, lists:member(trapping, Options)),
    State = #{name => Name, idle => idle(Options), held => none, lingering => lists:member(lingering, Options),
              consulting => scenario_options:value(consulting, Options)},
    saw([init], State),
    case {scenario_options:value(failing, Options), scenario_options:value(continuing, Options)} of
        {none, none} -> next(ok, State);
        {none, Word} -> {ok, State, {continue, Word}};
        {Reason, _} -> {stop, Reason}
    end.

idle(Options) ->
    case scenario_options:value(idle, Options) of
        none -> infinity;
        Duration -> scenario_trace:milliseconds(Duration)
    end.

handle_call({call, Caller, Request}, From, State) ->
    saw([call, Request, from, Caller], State),
    case scenario_options:split(Request) of
        {stop, Reason} -> {stop, scenario_options:reason(Reason), stopping, State};
        {fail, Reason} -> exit(scenario_options:reason(Reason));
        {later, none} -> next(noreply, State#{held := From});
        {continue, Word} -> {reply, Request, State, {continue, Word}};
        {await, Name} ->
            Reference = erlang:monitor(process, scenario_trace:pid(Name)),
            receive {'DOWN', Reference, process, _, Reason} ->
                {reply, scenario_trace:reason(Reason), State, maps:get(idle, State)}
            end;
        {ask, Name} -> {reply, ask(Name, State), State, maps:get(idle, State)};
        _ -> {reply, Request, State, maps:get(idle, State)}
    end.

ask(Name, #{name := Self}) -> gen_server:call(scenario_trace:pid(Name), {call, Self, question}).

%% From then on there is always a message for it.
handle_cast({cast, Name, spin}, #{name := Name} = State) ->
    gen_server:cast(self(), {cast, Name, spin}),
    next(noreply, State);
handle_cast({cast, Caster, spin}, #{name := Name} = State) ->
    saw([cast, spin, from, Caster], State),
    gen_server:cast(self(), {cast, Name, spin}),
    next(noreply, State);
handle_cast({cast, Caster, Request}, #{held := Held} = State) ->
    saw([cast, Request, from, Caster], State),
    case scenario_options:split(Request) of
        {stop, Reason} -> {stop, scenario_options:reason(Reason), State};
        {fail, Reason} -> exit(scenario_options:reason(Reason));
        {answer, Word} -> gen_server:reply(Held, Word), next(noreply, State);
        {continue, Word} -> {noreply, State, {continue, Word}};
        _ -> next(noreply, State)
    end.

handle_info(timeout, State) -> saw([timeout], State), {noreply, State};
handle_info({mail, From, Word}, State) -> saw([info, Word, from, From], State), next(noreply, State);
handle_info({'EXIT', Pid, Reason}, State) ->
    saw([exit, from, scenario_trace:name_of(Pid), scenario_trace:reason(Reason)], State),
    next(noreply, State).

handle_continue(Word, State) ->
    saw([continue, Word], State),
    case string:split(atom_to_list(Word), "+") of
        [_, More] -> {noreply, State, {continue, list_to_atom(More)}};
        [_] -> next(noreply, State)
    end.

terminate(Reason, #{lingering := Lingering} = State) ->
    saw([terminate, scenario_trace:reason(Reason)], State),
    consult(State),
    case Lingering of
        true -> receive released -> ok end;
        false -> ok
    end.

consult(#{consulting := none}) -> ok;
consult(#{consulting := Name, name := Self} = State) ->
    saw([hears, gen_server:call(scenario_trace:pid(Name), {call, Self, farewell})], State).

next(Kind, #{idle := Idle} = State) -> {Kind, State, Idle}.

saw(Words, #{name := Name}) -> scenario_trace:saw(Name, Words).
