//! What the second start knows of the first.

use crate::scene::{PATIENCE, Scene, Written, wait_until};

#[test]
fn a_file_made_while_the_agent_is_down_is_read_from_its_beginning() {
    let mut scene = Scene::new(&["app.log"]);
    let pattern = scene.path("*.log").display().to_string();
    scene.set("/logs/logs_collected/files/collect_list", serde_json::json!([{ "file_path": pattern }]));
    let mut old = Written::open(&scene, "old.log");
    old.line("there before the very first start");
    let agent = scene.start();
    wait_until("the first look is over", PATIENCE, || scene.own_log().contains("old.log"));
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    scene.wait_for_exactly(&app);
    agent.kill();

    let mut late = Written::open(&scene, "late.log");
    late.lines(10);
    app.lines(10);
    let agent = scene.start();
    scene.wait_for_all(&late, PATIENCE);
    scene.wait_for_all(&app, PATIENCE);
    agent.stop();
    assert!(scene.records("old.log").is_empty(), "an old file is followed from its end at the very first start");
}
