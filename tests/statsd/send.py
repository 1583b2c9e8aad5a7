"""Sends metrics with two client libraries of other people; the argument is the port."""

import sys

import statsd
from datadog.dogstatsd.base import DogStatsd

port = int(sys.argv[1])

client = statsd.StatsClient("127.0.0.1", port, prefix="py")
for _ in range(20):
    client.incr("hits")
client.incr("hits", 5)
client.decr("hits", 3)
client.gauge("level", 10)
client.gauge("level", -4, delta=True)
client.gauge("below", -7)
for milliseconds in (100, 200, 300, 300):
    client.timing("spent", milliseconds)
for user in ("bob", "eve", "bob"):
    client.set("users", user)
with client.pipeline() as pipe:
    pipe.incr("piped")
    pipe.timing("piped_spent", 7)
    pipe.incr("piped")

dog = DogStatsd(host="127.0.0.1", port=port, namespace="dog", constant_tags=["env:test"], disable_telemetry=True)
dog.increment("hits", 2, tags=["page:start", "lonely"])
dog.increment("hits", 3, tags=["lonely", "page:start"])
# No change in DogStatsD's language, but one in StatsD's, which has no other negative numbers.
dog.gauge("level", -1.5)
dog.gauge("level", -1.5)
for value in (1, 2.5, -3):
    dog.histogram("size", value)
dog.distribution("wide", 8)
dog.timing("spent", 42)
dog.set("users", "ann")
dog.event("an event", "is no metric")
dog.service_check("a.check", DogStatsd.OK)
dog.flush()
dog.close_socket()
