"""Decides what a policy allows, written from the IAM reference ("Policy evaluation logic", "JSON policy element reference",
read 2026-11-21) and from nothing else: neither from the program nor from its template.

Standard input: {"policies": [DOCUMENT, …], "requests": [{"action", "resource", "context": {KEY: VALUE}}, …]}
Standard output: ["allowed" | "denied" | "refused", …]: refused by nothing that allows it, denied by a statement that says so.

    policy.py actions SERVICE    every action that botocore's model of the service knows, as `logs:PutLogEvents`
"""

import json
import re
import sys

VARIABLE = re.compile(r"\$\{([^}]*)\}")


def listed(value):
    return value if isinstance(value, list) else [value]


def looks_like(pattern, text, flags=0):
    """IAM's wildcards: `*` any characters, `?` one."""
    parts = ("[\\s\\S]*" if each == "*" else "[\\s\\S]" if each == "?" else re.escape(each) for each in pattern)
    return re.fullmatch("".join(parts), text, flags) is not None


class Unresolved(Exception):
    """A variable without a value: the statement matches nothing."""


def put_in(text, context):
    """A pattern as a list of (is literal, text): what a variable stands for is taken as it is, wildcards and all."""
    pieces, end = [], 0
    for match in VARIABLE.finditer(text):
        pieces.append((False, text[end:match.start()]))
        end = match.end()
        name, _, default = match.group(1).partition(",")
        name = name.strip()
        if name in ("*", "?", "$"):
            pieces.append((True, name))
        elif key(name, context) is not None:
            pieces.append((True, key(name, context)))
        elif default:
            pieces.append((True, default.strip().strip("'")))
        else:
            raise Unresolved(name)
    return pieces + [(False, text[end:])]


def key(name, context):
    """A condition key's value; their names know no case."""
    return next((value for each, value in context.items() if each.lower() == name.lower()), None)


def expression(pieces):
    parts = (
        re.escape(text) if literal else "".join("[\\s\\S]*" if each == "*" else "[\\s\\S]" if each == "?" else re.escape(each) for each in text)
        for literal, text in pieces
    )
    return "".join(parts)


def is_resource(pattern, resource, context):
    """An ARN's first five parts are compared one by one: a wildcard does not reach over their colons."""
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 5), resource.split(":", 5)
    if len(wanted) != 6 or len(given) != 6:
        return False
    return all(re.fullmatch(expression(put_in(one, context)), other) for one, other in zip(wanted, given))


def is_met(operator, wanted_key, wanted, context):
    if operator == "Null":
        return all((key(wanted_key, context) is None) == (str(each).lower() == "true") for each in listed(wanted))
    some = operator.startswith("ForAnyValue:")
    every = operator.startswith("ForAllValues:")
    operator = operator.rpartition(":")[2]
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    value = key(wanted_key, context)
    if value is None:
        return if_exists or every or operator.startswith("StringNot")
    compare = {
        "StringEquals": lambda one, other: re.fullmatch(expression([(True, text) for _, text in put_in(one, context)]), other),
        "StringLike": lambda one, other: re.fullmatch(expression(put_in(one, context)), other),
        "StringEqualsIgnoreCase": lambda one, other: one.lower() == other.lower(),
        "Bool": lambda one, other: str(one).lower() == str(other).lower(),
    }
    negated = operator.startswith("StringNot")
    way = compare[operator.replace("StringNot", "String")]
    matches = [any(way(one, each) for one in listed(wanted)) != negated for each in listed(value)]
    if isinstance(value, list) and not (some or every):
        return False
    return any(matches) if some else all(matches)


def applies(statement, request):
    action, context = request["action"], request.get("context", {})
    try:
        if "Action" in statement and not any(looks_like(each, action, re.IGNORECASE) for each in listed(statement["Action"])):
            return False
        if "NotAction" in statement and any(looks_like(each, action, re.IGNORECASE) for each in listed(statement["NotAction"])):
            return False
        if "Resource" in statement and not any(is_resource(each, request["resource"], context) for each in listed(statement["Resource"])):
            return False
        if "NotResource" in statement and any(is_resource(each, request["resource"], context) for each in listed(statement["NotResource"])):
            return False
        conditions = statement.get("Condition", {})
        return all(is_met(operator, name, wanted, context) for operator, block in conditions.items() for name, wanted in block.items())
    except Unresolved:
        return False


def decide(policies, request):
    statements = [each for policy in policies for each in listed(policy["Statement"]) if applies(each, request)]
    if any(each["Effect"] == "Deny" for each in statements):
        return "denied"
    return "allowed" if statements else "refused"


def actions(service):
    import botocore.session
    model = botocore.session.get_session().get_service_model(service)
    return [f"{service}:{name}" for name in model.operation_names]


if sys.argv[1:2] == ["actions"]:
    answer = actions(sys.argv[2])
else:
    question = json.load(sys.stdin)
    answer = [decide(question["policies"], request) for request in question["requests"]]
print(json.dumps(answer))
