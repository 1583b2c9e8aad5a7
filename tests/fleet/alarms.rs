//! Alarms of a system, read back by boto3 from moto, which no one of this project wrote.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::scene::Scene;
use crate::stand_in::StandIn;

#[test]
fn three_alarms_a_system_are_made_priced_changed_and_removed() {
    let Some(moto) = StandIn::start() else { return };
    let scene = Scene::new();
    let list = scene.list("rpi-1\nrpi-2\n");
    let run = |arguments: &[&str]| {
        let output = scene.command(arguments).env("AWS_ENDPOINT_URL_CLOUDWATCH", &moto.proxy).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let names = |alarms: &Value| -> Vec<String> {
        alarms.as_array().unwrap().iter().map(|alarm| alarm["name"].as_str().unwrap().to_owned()).collect()
    };
    let (code, said) = run(&["users", &list, "--alarms"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("6 alarms, at least $0.60 a month"), "{said}");
    assert_eq!(scene.endpoint.users(&scene.pool.user_pool), 0, "nobody had agreed");

    let topic = "arn:aws:sns:eu-west-1:123456789012:fleet";
    for _ in 0..2 {
        let (code, said) = run(&["users", &list, "--alarms", "--topic", topic, "--yes"]);
        assert_eq!(code, Some(0), "{said}");
        let alarms = moto.ask(&["alarms"]);
        let expected = ["rpi-1", "rpi-2"]
            .map(|id| ["disk", "heartbeat", "refusing"].map(|kind| format!("cloudwatch-publisher {id} {kind}")));
        assert_eq!(names(&alarms), expected.concat());
        let heartbeat = &alarms[1];
        assert_eq!(heartbeat["query"], "SELECT MAX(heartbeat) FROM \"System/RaspberryPi\" WHERE InstanceId = 'rpi-1'");
        assert_eq!((&heartbeat["missing"], &heartbeat["actions"][0]), (&"breaching".into(), &topic.into()));
    }
    let (code, said) = run(&["remove", "rpi-1", "--yes"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(names(&moto.ask(&["alarms"])).iter().all(|name| name.contains("rpi-2")));
}

#[test]
fn who_may_not_look_for_alarms_removes_systems_all_the_same() {
    let scene = Scene::new();
    scene.run(&["users", &scene.list("rpi-1\n")]);
    let output = scene.command(&["remove", "rpi-1", "--yes"]).env("AWS_ENDPOINT_URL_CLOUDWATCH", denial()).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("whether they had alarms is not known"), "{said}");
    assert_eq!(scene.endpoint.users(&scene.pool.user_pool), 0);
}

/// A CloudWatch that allows nothing.
fn denial() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 65_536];
            let _ = stream.read(&mut head);
            // A map of one text in CBOR.
            let body = b"\xa1\x66__type\x6cAccessDenied";
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-type: application/cbor\r\nsmithy-protocol: rpc-v2-cbor\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[answer.as_bytes(), body].concat());
        }
    });
    url
}
