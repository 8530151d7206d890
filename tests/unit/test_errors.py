"""The hierarchy of errors is as it is drawn."""

import re

from chaosnetra import errors


def test_the_drawing_holds_every_class_below_its_base() -> None:
    drawn, above = {}, []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│├└─ ]*)([A-Z]\w+)  +\w|([│├└─ ]*)([A-Z]\w+)$", line):
            depth, name = len(match[1] or match[3] or "") // 4, match[2] or match[4]
            above[depth:] = [name]
            drawn[name] = above[depth - 1] if depth else "Exception"
    assert drawn == {
        name: found.__base__.__name__
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.ChaosnetraError)
    }
