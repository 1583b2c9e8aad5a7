"""A double of CloudFormation, and moto beside it, in one process.

moto's own CloudFormation skips Cognito silently, so this one reads the template by itself (template.py) and makes the
resources through their own APIs (resources.py): in moto, or Cognito's at another endpoint. It speaks the query protocol, and
refuses what CloudFormation refuses: a change set without the capabilities, one for a stack in the wrong state, parameters that
the template does not allow, a protected user pool that is to be deleted.

    double.py [--cognito URL] [--region REGION]

Prints one line of JSON, `{"cloudformation": URL, "moto": URL}`, once both listen. Beside the protocol:
    GET  /state      {"stacks": {NAME: {"status", "resources": {ID: {"type", "physical", "properties"}}, "change_sets"}}, "seen": {OPERATION: COUNT}}
    POST /control    {"fail": {LOGICAL ID: REASON}, "seconds": FLOAT a resource takes, "lag": COUNT of looks at a stack that
                     still show the state before, "plant": {"name", "status", "outputs", "metadata"}}
Ends when its standard input does: a test that dies leaves no server behind.
"""

import argparse
import datetime
import http.server
import json
import logging
import sys
import threading
import time
import urllib.parse
import uuid
from collections import Counter
from xml.sax.saxutils import escape

from moto.server import ThreadedMotoServer

from resources import TYPES, Failed, World
from template import Reading, TemplateError, parameters_of, same

ACCOUNT = "123456789012"
STACK = "AWS::CloudFormation::Stack"
NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."
# The SDK for Rust speaks Smithy RPC v2 CBOR with it, and moto does not.
CLOUDWATCH = "/service/GraniteServiceVersion20100801/operation/"
CAN_UPDATE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


class Refused(Exception):
    def __init__(self, message, code="ValidationError"):
        super().__init__(message)
        self.message, self.code = message, code


class Stack:
    def __init__(self, name, region):
        self.name = name
        self.id = f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
        self.status, self.reason = "REVIEW_IN_PROGRESS", ""
        # The state as DescribeStacks still tells it, and how often it will.
        self.old, self.old_times, self.lag = "", 0, 0
        self.body, self.parameters, self.outputs, self.metadata = None, {}, {}, None
        # Logical id: {"type", "properties" (without functions), "made" ({"Ref", …})}, in the order in which they were made.
        self.resources, self.events, self.change_sets = {}, [], {}
        self.tell(name, STACK, self.id, self.status, "User Initiated")

    def tell(self, logical, kind, physical, status, reason=""):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
        self.events.insert(0, {
            "StackId": self.id, "StackName": self.name, "EventId": str(uuid.uuid4()), "LogicalResourceId": logical,
            "PhysicalResourceId": physical, "ResourceType": kind, "Timestamp": now, "ResourceStatus": status,
            **({"ResourceStatusReason": reason} if reason else {}),
        })

    def turn(self, status, reason=""):
        # The event first: who sees the new state finds all that led to it.
        self.tell(self.name, STACK, self.id, status, reason)
        self.old, self.old_times = self.status, self.lag
        self.status, self.reason = status, reason

    def seen_status(self):
        if self.old_times == 0:
            return self.status
        self.old_times -= 1
        return self.old


class Double:
    def __init__(self, world):
        self.world, self.lock, self.stacks, self.gone = world, threading.RLock(), {}, {}
        self.fail, self.seconds, self.lag, self.seen = {}, 0.05, 0, Counter()

    # What the calls answer.

    def find(self, name):
        stack = self.stacks.get(name) or self.gone.get(name)
        stack = stack or next((each for each in self.stacks.values() if each.id == name), None)
        if stack is not None:
            stack.lag = self.lag
        if stack is None:
            raise Refused(f"Stack with id {name} does not exist")
        return stack

    def DescribeStacks(self, asked):
        return {"Stacks": [self.described(self.find(asked["StackName"]))]}

    def described(self, stack):
        return {
            "StackId": stack.id, "StackName": stack.name, "CreationTime": "2026-11-21T00:00:00Z", "StackStatus": stack.seen_status(),
            "StackStatusReason": stack.reason,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()],
        }

    def DescribeStackEvents(self, asked):
        # Pages of ten, so that paging is needed.
        events, start = self.find(asked["StackName"]).events, int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + 10)} if start + 10 < len(events) else {}
        return {"StackEvents": events[start:start + 10], **more}

    def ListStackResources(self, asked):
        stack = self.find(asked["StackName"])
        return {"StackResourceSummaries": [
            {"LogicalResourceId": name, "PhysicalResourceId": each["made"]["Ref"], "ResourceType": each["type"],
             "ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": "2026-11-21T00:00:00Z"}
            for name, each in stack.resources.items()
        ]}

    def GetTemplateSummary(self, asked):
        stack = self.find(asked["StackName"])
        if stack.status == "REVIEW_IN_PROGRESS":
            raise Refused(f"GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks: {stack.id}")
        metadata = json.loads(stack.body).get("Metadata") if stack.body else stack.metadata
        return {"Metadata": json.dumps(metadata)} if metadata else {}

    def GetTemplate(self, asked):
        return {"TemplateBody": self.find(asked["StackName"]).body or "{}"}

    def CreateChangeSet(self, asked):
        name, kind = asked["StackName"], asked.get("ChangeSetType", "UPDATE")
        stack = self.stacks.get(name)
        if kind == "CREATE":
            if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
                raise Refused(f"Stack [{name}] already exists and cannot be created again with the changeSet [{asked['ChangeSetName']}].")
        elif stack is None:
            raise Refused(f"Stack [{name}] does not exist")
        elif stack.status not in CAN_UPDATE:
            raise Refused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        template, parameters = self.template(asked, stack)
        if stack is None:
            stack = self.stacks[name] = Stack(name, self.world.region)
        change_set = {"ChangeSetName": asked["ChangeSetName"], "StackId": stack.id, "StackName": name, "kind": kind,
                      "Status": "CREATE_IN_PROGRESS", "ExecutionStatus": "UNAVAILABLE", "StatusReason": "", "Changes": [],
                      "body": asked["TemplateBody"], "parameters": parameters}
        identity = f"arn:aws:cloudformation:{self.world.region}:{ACCOUNT}:changeSet/{asked['ChangeSetName']}/{uuid.uuid4()}"
        change_set["ChangeSetId"] = identity
        stack.change_sets[identity] = change_set
        self.later(self.work_out, stack, change_set, template)
        return {"Id": identity, "StackId": stack.id}

    def template(self, asked, stack):
        """The template and its parameters as they were sent, judged as CloudFormation does before it begins."""
        body = asked.get("TemplateBody") or ""
        if len(body.encode()) > 51_200:
            raise Refused("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200")
        try:
            template = json.loads(body)
            given = {each["ParameterKey"]: None if each.get("UsePreviousValue") == "true" else each.get("ParameterValue", "")
                     for each in asked.get("Parameters", [])}
            parameters = parameters_of(template, given, stack.parameters if stack else {})
        except (ValueError, TemplateError) as error:
            raise Refused(str(error)) from error
        needed = {"CAPABILITY_AUTO_EXPAND"} if "Transform" in template else set()
        if any(what.get("Type", "").startswith("AWS::IAM::") for what in template["Resources"].values() if isinstance(what, dict)):
            needed.add("CAPABILITY_IAM")
        missing = needed - set(asked.get("Capabilities", []))
        if missing:
            raise Refused(f"Requires capabilities : [{', '.join(sorted(missing))}]", "InsufficientCapabilitiesException")
        return template, parameters

    def work_out(self, stack, change_set, template):
        time.sleep(self.seconds)
        with self.lock:
            try:
                plan = self.plan(stack, template, change_set["parameters"])
            except TemplateError as error:
                change_set.update(Status="FAILED", StatusReason=str(error))
                return
            change_set["Changes"] = [{"Type": "Resource", "ResourceChange": each} for each in plan]
            is_same = stack.body is not None and not plan and same(self.outputs(stack, template, change_set["parameters"]), stack.outputs)
            if is_same:
                change_set.update(Status="FAILED", StatusReason=NOTHING)
            else:
                change_set.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE")

    def reading(self, stack, template, parameters):
        pseudo = {"AWS::Region": self.world.region, "AWS::AccountId": ACCOUNT, "AWS::Partition": self.world.partition,
                  "AWS::StackName": stack.name, "AWS::StackId": stack.id}
        return Reading(template, parameters, pseudo)

    def outputs(self, stack, template, parameters):
        made = {name: each["made"] for name, each in stack.resources.items()}
        reading = self.reading(stack, template, parameters)
        return {key: reading.resolve(what["Value"], made) for key, what in template.get("Outputs", {}).items()}

    def plan(self, stack, template, parameters):
        reading, changes = self.reading(stack, template, parameters), []
        made = {name: each["made"] for name, each in stack.resources.items()}
        for name in reading.order():
            what = reading.resources[name]
            change = {"LogicalResourceId": name, "ResourceType": what["Type"]}
            if name not in stack.resources:
                changes.append({"Action": "Add", **change})
                continue
            # What does not exist yet stands for itself.
            pretended = {each: {"Ref": f"new {each}", "Arn": f"new {each}", "ProviderName": f"new {each}"} for each in reading.resources}
            new, old = reading.resolve(what.get("Properties", {}), {**pretended, **made}), stack.resources[name]["properties"]
            if not same(new, old):
                is_new = any(not same(new.get(key), old.get(key)) for key in TYPES[what["Type"]].create_only)
                changes.append({"Action": "Modify", **change, "Replacement": "True" if is_new else "False"})
        for name, each in stack.resources.items():
            if name not in reading.resources:
                changes.append({"Action": "Remove", "LogicalResourceId": name, "ResourceType": each["type"]})
        return changes

    def change_set(self, asked):
        for stack in self.stacks.values():
            if asked["ChangeSetName"] in stack.change_sets:
                return stack, stack.change_sets[asked["ChangeSetName"]]
        raise Refused(f"ChangeSet [{asked['ChangeSetName']}] does not exist", "ChangeSetNotFound")

    def DescribeChangeSet(self, asked):
        _, change_set = self.change_set(asked)
        start = int(asked.get("NextToken", 0))
        told = {key: value for key, value in change_set.items() if key[0].isupper() and value != ""}
        told["Changes"] = change_set["Changes"][start:start + 5]
        return {**told, **({"NextToken": str(start + 5)} if start + 5 < len(change_set["Changes"]) else {})}

    def ListChangeSets(self, asked):
        return {"Summaries": [{"ChangeSetId": each["ChangeSetId"], "ChangeSetName": each["ChangeSetName"], "Status": each["Status"]}
                              for each in self.find(asked["StackName"]).change_sets.values()]}

    def DeleteChangeSet(self, asked):
        stack, change_set = self.change_set(asked)
        del stack.change_sets[change_set["ChangeSetId"]]
        return {}

    def ExecuteChangeSet(self, asked):
        stack, change_set = self.change_set(asked)
        if change_set["ExecutionStatus"] != "AVAILABLE":
            raise Refused(f"ChangeSet [{asked['ChangeSetName']}] cannot be executed in its current status of [{change_set['Status']}]", "InvalidChangeSetStatus")
        stack.change_sets.clear()
        self.begin(stack, "CREATE" if change_set["kind"] == "CREATE" else "UPDATE", change_set["body"], change_set["parameters"])
        return {}

    def UpdateStack(self, asked):
        stack = self.find(asked["StackName"])
        if stack.status not in CAN_UPDATE:
            raise Refused(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        template, parameters = self.template(asked, stack)
        if not self.plan(stack, template, parameters):
            raise Refused("No updates are to be performed.")
        self.begin(stack, "UPDATE", asked["TemplateBody"], parameters)
        return {"StackId": stack.id}

    def DeleteStack(self, asked):
        try:
            stack = self.find(asked["StackName"])
        except Refused:
            return {}
        if stack.status == "DELETE_COMPLETE":
            return {}
        if stack.status == "REVIEW_IN_PROGRESS":
            del self.stacks[stack.name]
            return {}
        if stack.status.endswith("_IN_PROGRESS"):
            raise Refused(f"Stack [{stack.id}] cannot be deleted while in status {stack.status}")
        stack.turn("DELETE_IN_PROGRESS", "User Initiated")
        self.later(self.remove, stack)
        return {}

    # What goes on afterwards, each in a thread of its own.

    def later(self, work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def begin(self, stack, word, body, parameters):
        if word == "CREATE":
            stack.body, stack.parameters = body, parameters
        stack.turn(f"{word}_IN_PROGRESS", "User Initiated")
        self.later(self.carry_out, stack, word, body, parameters)

    def carry_out(self, stack, word, body, parameters):
        template = json.loads(body)
        reading = self.reading(stack, template, parameters)
        before = {name: dict(each) for name, each in stack.resources.items()}
        try:
            for name in reading.order():
                self.make(stack, reading, name)
            for name in [name for name in stack.resources if name not in reading.resources]:
                self.unmake(stack, name)
        except Failed as error:
            self.go_back(stack, word, before, error)
            return
        with self.lock:
            stack.body, stack.parameters = body, parameters
            stack.outputs = self.outputs(stack, template, parameters)
        stack.turn(f"{word}_COMPLETE")

    def make(self, stack, reading, name):
        what, old = reading.resources[name], stack.resources.get(name)
        kind, way = what["Type"], TYPES[what["Type"]]
        made = {each: one["made"] for each, one in stack.resources.items()}
        properties = reading.resolve(what.get("Properties", {}), made)
        if old and same(old["properties"], properties):
            return
        is_new = old is None or any(not same(old["properties"].get(key), properties.get(key)) for key in way.create_only)
        word = "CREATE" if is_new else "UPDATE"
        stack.tell(name, kind, old["made"]["Ref"] if old else "", f"{word}_IN_PROGRESS")
        time.sleep(self.seconds)
        try:
            if name in self.fail:
                raise Failed(self.fail[name])
            if is_new:
                result = way.create(self.world, stack.name, name, properties)
            else:
                result = way.update(self.world, old["made"], old["properties"], properties)
        except Failed as error:
            stack.tell(name, kind, "", f"{word}_FAILED", f"Resource handler returned message: \"{error}\"")
            raise
        stack.resources[name] = {"type": kind, "properties": properties, "made": result}
        stack.tell(name, kind, result["Ref"], f"{word}_COMPLETE")

    def unmake(self, stack, name):
        each = stack.resources[name]
        stack.tell(name, each["type"], each["made"]["Ref"], "DELETE_IN_PROGRESS")
        time.sleep(self.seconds)
        try:
            TYPES[each["type"]].delete(self.world, each["made"], each["properties"])
        except Failed as error:
            stack.tell(name, each["type"], each["made"]["Ref"], "DELETE_FAILED", str(error))
            raise
        del stack.resources[name]
        stack.tell(name, each["type"], each["made"]["Ref"], "DELETE_COMPLETE")

    def go_back(self, stack, word, before, error):
        # What was under way beside the failed one is cancelled.
        stack.tell("Another", "AWS::IAM::Role", "", f"{word}_FAILED", f"Resource {'creation' if word == 'CREATE' else 'update'} cancelled")
        back = "ROLLBACK" if word == "CREATE" else "UPDATE_ROLLBACK"
        stack.turn(f"{back}_IN_PROGRESS", f"The following resource(s) failed: {error}")
        try:
            for name in reversed(list(stack.resources)):
                if name not in before:
                    self.unmake(stack, name)
                elif not same(before[name]["properties"], stack.resources[name]["properties"]):
                    each = stack.resources[name]
                    TYPES[each["type"]].update(self.world, each["made"], each["properties"], before[name]["properties"])
                    stack.resources[name] = before[name]
        except Failed:
            stack.turn(f"{back}_FAILED")
            return
        stack.turn(f"{back}_COMPLETE")

    def remove(self, stack):
        try:
            for name in reversed(list(stack.resources)):
                self.unmake(stack, name)
        except Failed as error:
            stack.turn("DELETE_FAILED", str(error))
            return
        with self.lock:
            stack.turn("DELETE_COMPLETE")
            self.gone[stack.id] = self.stacks.pop(stack.name)

    # What the tests ask beside the protocol.

    def state(self):
        stacks = {
            stack.name: {
                "status": stack.status, "parameters": stack.parameters, "change_sets": len(stack.change_sets),
                "resources": {name: {"type": each["type"], "physical": each["made"]["Ref"], "properties": each["properties"]}
                              for name, each in stack.resources.items()},
            }
            for stack in self.stacks.values()
        }
        return {"stacks": stacks, "seen": self.seen}

    def control(self, asked):
        self.fail = asked.get("fail", self.fail)
        self.seconds = asked.get("seconds", self.seconds)
        self.lag = asked.get("lag", self.lag)
        if "plant" in asked:
            planted = asked["plant"]
            stack = Stack(planted["name"], self.world.region)
            stack.outputs, stack.metadata = planted.get("outputs", {}), planted.get("metadata")
            stack.turn(planted["status"])
            self.stacks[stack.name] = stack
        return {}


def asked_for(body):
    """The query protocol as nested lists and dictionaries: `A.member.1.B=x` is {"A": [{"B": "x"}]}."""
    tree = {}
    for name, value in urllib.parse.parse_qsl(body, keep_blank_values=True):
        place, parts = tree, name.split(".")
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1]] = value
    return listed(tree)


def listed(value):
    if not isinstance(value, dict):
        return value
    if set(value) == {"member"}:
        return [listed(each) for _, each in sorted(value["member"].items(), key=lambda pair: int(pair[0]))]
    return {key: listed(each) for key, each in value.items()}


def xml(value):
    if isinstance(value, dict):
        return "".join(f"<{key}>{xml(each)}</{key}>" for key, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{xml(each)}</member>" for each in value)
    return escape(str(value))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double = None

    def do_GET(self):
        with self.double.lock:
            self.answer(200, "application/json", json.dumps(self.double.state()))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0)).decode(errors="replace")
        if self.path == "/control":
            with self.double.lock:
                self.answer(200, "application/json", json.dumps(self.double.control(json.loads(body))))
            return
        if self.path.startswith(CLOUDWATCH):
            with self.double.lock:
                self.double.seen[self.path.removeprefix(CLOUDWATCH)] += 1
            # An empty map in CBOR: there are no alarms here.
            self.answer(200, "application/cbor", b"\xa0", {"smithy-protocol": "rpc-v2-cbor"})
            return
        asked = asked_for(body)
        operation = asked.get("Action", "?")
        request = f"<RequestId>{uuid.uuid4()}</RequestId>"
        try:
            with self.double.lock:
                self.double.seen[operation] += 1
                way = getattr(self.double, operation, None) if operation[0].isupper() else None
                if way is None:
                    raise Refused(f"{operation} is not known here", "InvalidAction")
                result = xml(way(asked))
            space = 'xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"'
            text = f"<{operation}Response {space}><{operation}Result>{result}</{operation}Result><ResponseMetadata>{request}</ResponseMetadata></{operation}Response>"
            self.answer(200, "text/xml", text)
        except Refused as error:
            told = xml({"Type": "Sender", "Code": error.code, "Message": error.message})
            self.answer(400, "text/xml", f"<ErrorResponse><Error>{told}</Error>{request}</ErrorResponse>")

    def answer(self, status, kind, text, headers={}):
        body = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """A line for each request would drown the test's own output."""


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--cognito")
    options.add_argument("--region", default="eu-west-1")
    options = options.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    moto_url = "http://%s:%d" % moto.get_host_and_port()
    Handler.double = Double(World(moto_url, options.cognito, options.region, ACCOUNT))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"cloudformation": "http://%s:%d" % server.server_address, "moto": moto_url}), flush=True)
    sys.stdin.read()


main()
