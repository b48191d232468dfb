"""Validators in `typing.Annotated`: on the parameters of a function, and on the fields of an object."""

import functools
import inspect
import sys
import weakref
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_type_hints

from botsec import _core
from botsec.validate._rules import Rule, collect, rule

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a function against the validators in its annotations.

    Reads `Annotated[type, validator, …]`, also with the constraints of `annotated_types`, pydantic's `Field` and
    `msgspec.Meta`. Parameters without a constraint are passed on as they are; so are defaults, which the programmer
    chose. For `*args` and `**kwargs` each value is checked. `None` passes where the annotation allows it. What a
    validator returns is what the function gets: a number for `Int(text=True)`, A-labels for an international host name.

    Args:
        function: A function, method, coroutine function or (async) generator function.

    Returns:
        A function with the same signature, of the same kind: a coroutine function stays one.

    Raises:
        TypeError: At decoration: a constraint is not understood, or nothing in the signature is constrained.
        InputError: At the call, before the body runs, with every refused argument in `errors`. For a coroutine
            function it is raised as the call is awaited.

    Example:
        >>> from typing import Annotated
        >>> from botsec import validate
        >>> @validate.checked
        ... async def ban(days: Annotated[int, validate.Int(0, 7)]) -> int:
        ...     return days
    """
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError("Write @validate.checked below @staticmethod or @classmethod.")
    target = inspect.unwrap(function)
    signature = inspect.signature(function)
    # Annotations that are strings may name what is local to where the function is defined.
    hints = get_type_hints(target, localns=dict(sys._getframe(1).f_locals), include_extras=True)
    rules = {name: found for name in signature.parameters if (found := rule(hints.get(name))) is not None}
    if not rules:
        raise TypeError("validate.checked found no validator in the annotations.")
    judge = functools.partial(_judge, signature, rules)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            bound = judge(args, kwargs)
            return await function(*bound.args, **bound.kwargs)

    elif inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            bound = judge(args, kwargs)
            generator = function(*bound.args, **bound.kwargs)
            sent = None
            try:
                while True:
                    sent = yield await generator.asend(sent)
            except StopAsyncIteration:
                return
            finally:
                await generator.aclose()

    elif inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            bound = judge(args, kwargs)
            return (yield from function(*bound.args, **bound.kwargs))

    else:

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            bound = judge(args, kwargs)
            return function(*bound.args, **bound.kwargs)

    return wrapper  # type: ignore[return-value]


def _judge(
    signature: inspect.Signature, rules: dict[str, Rule], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    bound = signature.bind(*args, **kwargs)
    errors: list[tuple[str | None, str]] = []
    arguments = bound.arguments
    for name, one in rules.items():
        if name not in arguments:
            continue
        kind = signature.parameters[name].kind
        value = arguments[name]
        if kind is inspect.Parameter.VAR_POSITIONAL:
            arguments[name] = tuple(collect(one, item, f"{name}[{at}]", errors) for at, item in enumerate(value))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            # Whoever calls may have chosen the keys: the message names the parameter alone.
            arguments[name] = {key: collect(one, item, name, errors) for key, item in value.items()}
        else:
            arguments[name] = collect(one, value, name, errors)
    if errors:
        raise _core.input_error(errors)
    return bound


_FIELDS: weakref.WeakKeyDictionary[type, dict[str, Rule]] = weakref.WeakKeyDictionary()


def fields(instance: T) -> T:
    """Check the attributes of an object against the validators in its class's annotations.

    For classes whose library does not know validators: call it in `__post_init__` of a msgspec `Struct` or a
    dataclass, or in `__attrs_post_init__` of an attrs class. msgspec reports the refusal as its own `ValidationError`.
    Attributes keep the values they have.

    Args:
        instance: The object.

    Returns:
        The object.

    Raises:
        TypeError: A constraint is not understood, or no annotation of the class holds one.
        InputError: With every refused attribute in `errors`.

    Example:
        >>> from dataclasses import dataclass
        >>> from typing import Annotated
        >>> from botsec import validate
        >>> @dataclass
        ... class Ban:
        ...     days: Annotated[int, validate.Int(0, 7)]
        ...
        ...     def __post_init__(self) -> None:
        ...         validate.fields(self)
        >>> Ban(7)
        Ban(days=7)
    """
    cls = type(instance)
    rules = _FIELDS.get(cls)
    if rules is None:
        hints = get_type_hints(cls, include_extras=True)
        rules = {name: found for name, hint in hints.items() if (found := rule(hint)) is not None}
        if not rules:
            raise TypeError("validate.fields found no validator in the annotations of the class.")
        _FIELDS[cls] = rules
    errors: list[tuple[str | None, str]] = []
    for name, one in rules.items():
        if hasattr(instance, name):
            collect(one, getattr(instance, name), name, errors)
    if errors:
        raise _core.input_error(errors)
    return instance
