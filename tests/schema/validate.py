"""Prints, for each configuration that is named, what a JSON schema has against it: validate.py SCHEMA FILE…"""

import json
import sys

from jsonschema import Draft7Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema)
said = {}
for path in sys.argv[2:]:
    with open(path, encoding="utf-8-sig") as file:
        config = json.load(file)
    said[path] = sorted("/".join(map(str, error.absolute_path)) + ": " + error.message for error in validator.iter_errors(config))
json.dump(said, sys.stdout)
