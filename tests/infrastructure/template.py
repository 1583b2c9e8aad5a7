"""Reads a CloudFormation template as CloudFormation does, so far as ours goes: an independent reading of the reference.

AWS::LanguageExtensions: Fn::ForEach in Resources, with `${Name}` and `&{Name}` (what is not alphanumeric left out) in keys,
and Ref and Fn::Sub of the loop's name in values. Then Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Split, Fn::Select, Fn::If,
Fn::Equals, AWS::NoValue. What is not known here is an error, never passed over.
"""

import json
import re

NO_VALUE = object()
LOOP = "Fn::ForEach::"
VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class TemplateError(Exception):
    """What CloudFormation would answer with a ValidationError."""


def parameters_of(template, given, previous):
    """The value of every parameter; a list for a CommaDelimitedList. `given` maps names to a text, or to None: as before."""
    declared = template.get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {}
    for name, what in declared.items():
        if name in given and given[name] is None:
            if name not in previous:
                raise TemplateError(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template")
            text = previous[name]
        else:
            text = given.get(name, what.get("Default"))
        if text is None:
            raise TemplateError(f"Parameters: [{name}] must have values")
        values[name] = str(text)
        items = [item.strip() for item in values[name].split(",")] if what["Type"] == "CommaDelimitedList" else [values[name]]
        for item in items:
            if "AllowedPattern" in what and not re.fullmatch(what["AllowedPattern"], item):
                raise TemplateError(f"Parameter {name} failed to satisfy constraint: {what.get('ConstraintDescription', what['AllowedPattern'])}")
            if "AllowedValues" in what and item not in [str(each) for each in what["AllowedValues"]]:
                raise TemplateError(f"Parameter '{name}' must be one of AllowedValues")
    return values


class Reading:
    """A template with its parameters, before there are any resources."""

    def __init__(self, template, parameters, pseudo):
        self.template, self.pseudo = template, pseudo
        kinds = {name: what["Type"] for name, what in template.get("Parameters", {}).items()}
        lists = {name for name, kind in kinds.items() if kind == "CommaDelimitedList"}
        self.parameters = {
            name: [item.strip() for item in text.split(",")] if name in lists else text for name, text in parameters.items()
        }
        self.has_transform = template.get("Transform") == "AWS::LanguageExtensions"
        resources = self.expand(template["Resources"])
        conditions = template.get("Conditions", {})
        self.conditions = {name: self.truth(what) for name, what in conditions.items()}
        self.resources = {
            name: what for name, what in resources.items() if "Condition" not in what or self.conditions[what["Condition"]]
        }

    def expand(self, resources):
        """Resources without loops."""
        every = {}
        for name, what in resources.items():
            found = self.loop(what) if name.startswith(LOOP) else {name: what}
            for key, value in found.items():
                if not re.fullmatch("[A-Za-z0-9]+", key):
                    raise TemplateError(f"Template format error: Resource name {key} is non alphanumeric.")
                if key in every:
                    raise TemplateError(f"Transform AWS::LanguageExtensions failed with: duplicate logical id {key}")
                every[key] = value
        return every

    def loop(self, what):
        if not self.has_transform:
            raise TemplateError("Template format error: Fn::ForEach needs the transform AWS::LanguageExtensions")
        name, collection, body = what
        items = self.resolve(collection, {}) if isinstance(collection, dict) else collection
        found = {}
        for item in items:
            letters = re.sub("[^A-Za-z0-9]", "", item)
            for key, value in body.items():
                key = key.replace("&{%s}" % name, letters).replace("${%s}" % name, item)
                if key in found:
                    raise TemplateError(f"Transform AWS::LanguageExtensions failed with: duplicate logical id {key}")
                found[key] = put_in(value, name, item)
        return found

    def truth(self, what):
        (function, arguments), = what.items()
        if function == "Fn::Equals":
            one, other = (self.resolve(each, {}) for each in arguments)
            return one == other
        raise TemplateError(f"unknown condition {function}")

    def resolve(self, value, made):
        """`value` without functions; `made` maps logical ids to {"Ref": …, attribute: …}."""
        if isinstance(value, list):
            return [each for each in (self.resolve(each, made) for each in value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (function, arguments), = value.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self.call(function, arguments, made)
        pairs = ((key, self.resolve(each, made)) for key, each in value.items())
        return {key: each for key, each in pairs if each is not NO_VALUE}

    def call(self, function, arguments, made):
        if function == "Ref":
            return self.reference(arguments, made)
        if function == "Fn::GetAtt":
            name, attribute = arguments
            return made[name][attribute]
        if function == "Fn::Sub":
            text, named = arguments if isinstance(arguments, list) else (arguments, {})
            return self.substitute(text, {key: self.resolve(each, made) for key, each in named.items()}, made)
        if function == "Fn::Join":
            between, items = arguments
            if not isinstance(between, str):
                raise TemplateError("Template error: every Fn::Join object requires a string delimiter")
            return between.join(self.resolve(items, made))
        if function == "Fn::Split":
            between, text = arguments
            return self.resolve(text, made).split(between)
        if function == "Fn::Select":
            index, items = arguments
            return self.resolve(items, made)[int(index)]
        if function == "Fn::If":
            condition, then, otherwise = arguments
            return self.resolve(then if self.conditions[condition] else otherwise, made)
        raise TemplateError(f"unknown function {function}")

    def reference(self, name, made):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if name in made:
            return made[name]["Ref"]
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")

    def substitute(self, text, named, made):
        def one(match):
            literal, name = match.groups()
            if literal:
                return "${%s}" % name
            value = named[name] if name in named else self.reference(name, made)
            if not isinstance(value, str):
                raise TemplateError("Template error: every value of the context object of every Fn::Sub object must be a string")
            return value
        return VARIABLE.sub(one, text)

    def needs(self, value):
        """The logical ids that `value` speaks of."""
        if isinstance(value, list):
            return set().union(set(), *(self.needs(each) for each in value))
        if not isinstance(value, dict):
            return set()
        found = set()
        for key, each in value.items():
            if key == "Ref" and each in self.resources:
                found.add(each)
            elif key == "Fn::GetAtt":
                found.add(each[0])
            else:
                found |= self.needs(each)
        return found

    def order(self):
        """The logical ids, each after what it needs."""
        done, left = [], dict(self.resources)
        while left:
            ready = [name for name, what in left.items() if self.needs(what.get("Properties", {})) <= set(done)]
            if not ready:
                raise TemplateError(f"Circular dependency between resources: [{', '.join(left)}]")
            done += ready
            for name in ready:
                del left[name]
        return done


def put_in(value, name, item):
    """`value` with the loop's `name` replaced by `item`."""
    if isinstance(value, list):
        return [put_in(each, name, item) for each in value]
    if isinstance(value, dict):
        if value == {"Ref": name}:
            return item
        return {key: put_in(each, name, item) for key, each in value.items()}
    return value.replace("${%s}" % name, item) if isinstance(value, str) else value


def same(one, other):
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
