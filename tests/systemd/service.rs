//! The agent as a service: killed, hung, told to read its configuration anew, and what it tells systemd about itself.

use crate::machine::until;
use crate::scene::{FILE, Scene, UNIT};

#[test]
fn an_agent_that_is_killed_is_started_again_and_nothing_is_lost() {
    let Some(scene) = Scene::booted("killed") else { return };
    scene.start();
    scene.wait_for_more(FILE, 20);
    scene.machine.run(&format!("systemctl kill -s KILL {UNIT}"));
    until("it is started again", || scene.property("NRestarts") == "1");
    scene.wait_for_more(FILE, 20);
    scene.machine.run("systemctl stop writer");
    scene.assert_all(FILE, &scene.written());
}
