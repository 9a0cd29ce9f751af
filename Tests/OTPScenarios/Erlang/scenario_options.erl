%% Small readings of a step's words.
-module(scenario_options).
-export([value/2, reason/1, call_failure/1, split/1]).

%% The word behind `Key`, or `none`.
value(_, []) -> none;
value(Key, [Key, Value | _]) -> Value;
value(Key, [_ | Rest]) -> value(Key, Rest).

%% `shutdown(tidy)` is OTP's {shutdown, tidy}; every other word is itself.
reason(Word) ->
    case atom_to_list(Word) of
        "shutdown(" ++ Rest -> {shutdown, list_to_atom(lists:droplast(Rest))};
        _ -> Word
    end.

call_failure(timeout) -> timeout;
call_failure(noproc) -> noproc;
call_failure(calling_self) -> calling_self;
call_failure(Reason) -> list_to_atom("exited:" ++ atom_to_list(scenario_trace:reason(Reason))).

%% `stop:shutdown` is the verb and its object; `hello` has none.
split(Word) ->
    case string:split(atom_to_list(Word), ":") of
        [Verb, Object] -> {list_to_atom(Verb), list_to_atom(Object)};
        [_] -> {Word, none}
    end.
