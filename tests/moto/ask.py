"""Asks moto through boto3 and prints the answer as JSON: what a user's own tools would see of what the agent sent.

    ask.py URL group GROUP             {"retention": DAYS or null, "streams": [NAME, …]}, or null where there is no such group
    ask.py URL events GROUP STREAM     every event of the stream, oldest first: [[MILLISECONDS, MESSAGE], …]
    ask.py URL metrics NAMESPACE       [{"name", "dimensions": [[NAME, VALUE], …], "points": [[SECONDS, VALUE], …]}, …]
    ask.py URL delete-group GROUP      null
    ask.py URL alarms                  [{"name", "query", "missing", "actions": [ARN, …]}, …], by name
    ask.py URL seen PROXY_URL          {OPERATION: COUNT, "OPERATION in gzip": COUNT, …}
"""

import datetime
import json
import sys
import urllib.request

import boto3
from botocore.exceptions import ClientError

# moto answers every second of the span one by one: as long as the slowest run of the test, not longer.
SPAN = datetime.timedelta(minutes=10)


def client(url, service):
    # Made up: moto checks no signature.
    return boto3.client(
        service, region_name="eu-west-1", endpoint_url=url, aws_access_key_id="made-up", aws_secret_access_key="made-up"
    )


def group(url, name):
    logs = client(url, "logs")
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    match = next((each for each in found if each["logGroupName"] == name), None)
    if match is None:
        return None
    streams = logs.get_paginator("describe_log_streams").paginate(logGroupName=name)
    names = [stream["logStreamName"] for page in streams for stream in page["logStreams"]]
    return {"retention": match.get("retentionInDays"), "streams": sorted(names)}


def events(url, group_name, stream):
    logs = client(url, "logs")
    every, token = [], {}
    while True:
        try:
            page = logs.get_log_events(logGroupName=group_name, logStreamName=stream, startFromHead=True, **token)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []
            raise
        if not page["events"]:
            return every
        every += [[event["timestamp"], event["message"]] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}


def metrics(url, namespace):
    cloudwatch = client(url, "cloudwatch")
    pages = cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
    # moto lists a metric once for each of its points.
    names = {json.dumps([metric["MetricName"], metric["Dimensions"]]) for page in pages for metric in page["Metrics"]}
    listed = [json.loads(each) for each in sorted(names)]
    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions},
                # A second, the shortest there is: points of different times stay apart.
                "Period": 1,
                "Stat": "Average",
            },
        }
        for number, (name, dimensions) in enumerate(listed)
    ]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
    asked = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=end - SPAN, EndTime=end) if queries else {}
    found = {each["Id"]: each for each in asked.get("MetricDataResults", [])}
    answer = []
    for query, (name, dimensions) in zip(queries, listed):
        result = found[query["Id"]]
        points = [[at.timestamp(), value] for at, value in zip(result["Timestamps"], result["Values"])]
        answer.append({
            "name": name,
            "dimensions": [[each["Name"], each["Value"]] for each in dimensions],
            "points": sorted(points),
        })
    return answer


def delete_group(url, name):
    client(url, "logs").delete_log_group(logGroupName=name)


def alarms(url):
    pages = client(url, "cloudwatch").get_paginator("describe_alarms").paginate()
    found = [alarm for page in pages for alarm in page["MetricAlarms"]]
    answer = [
        {
            "name": alarm["AlarmName"],
            "query": alarm["Metrics"][0]["Expression"],
            "missing": alarm["TreatMissingData"],
            "actions": alarm["AlarmActions"],
        }
        for alarm in found
    ]
    return sorted(answer, key=lambda alarm: alarm["name"])


def seen(_url, proxy_url):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return json.load(direct.open(f"{proxy_url}/seen"))


QUESTIONS = {
    "group": group, "events": events, "metrics": metrics, "delete-group": delete_group, "alarms": alarms, "seen": seen
}

_, address, question, *details = sys.argv
json.dump(QUESTIONS[question](address, *details), sys.stdout)
