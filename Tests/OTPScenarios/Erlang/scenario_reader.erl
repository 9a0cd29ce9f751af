%% Reads scenario text: a title line, then one step a line, indented. A step is a list of words; a supervisor's
%% step carries the steps indented below it as its children.
-module(scenario_reader).
-export([scenarios/1]).

scenarios(Text) ->
    Lines = [Line || Line <- string:split(binary_to_list(Text), "\n", all), is_meant(Line)],
    group([{indentation(Line), string:trim(Line)} || Line <- Lines]).

is_meant(Line) ->
    case string:trim(Line) of
        "" -> false;
        "#" ++ _ -> false;
        _ -> true
    end.

indentation(Line) -> length(lists:takewhile(fun(C) -> C =:= $\s end, Line)).

group([]) -> [];
group([{0, "scenario " ++ Title} | Lines]) ->
    {Body, Rest} = lists:splitwith(fun({Indentation, _}) -> Indentation > 0 end, Lines),
    [{Title, nest(Body)} | group(Rest)].

nest([]) -> [];
nest([{Indentation, Text} | Lines]) ->
    {Below, Rest} = lists:splitwith(fun({Deeper, _}) -> Deeper > Indentation end, Lines),
    [{words(Text), nest(Below)} | nest(Rest)].

words(Text) -> [list_to_atom(Word) || Word <- string:lexemes(Text, " ")].
