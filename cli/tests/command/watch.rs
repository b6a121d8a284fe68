//! `fanfare generate --watch`: generates again after each change.

use crate::running::Running;
use crate::{DEFINITION, Project};

#[test]
fn changes_are_generated_and_mistakes_do_not_end_it() {
    let project = Project::new("watch");
    project.define("../fanfare.yaml", "outputs: [{ language: typescript, folder: web }]\n");
    let watching = Running::start(&project, &["generate", "--watch"], &[]);
    watching.expect("watching for changes");

    project.define("news.yaml", &DEFINITION.replace("text", "title"));
    watching.expect("wrote web/news.types.d.ts");
    watching.expect("watching for changes");

    project.define("news.yaml", "version: 1\nchannels: [");
    watching.expect_error("error[E0001]");
    project.define("deeper/weather.yaml", &DEFINITION.replace("news", "weather"));
    project.define("news.yaml", DEFINITION);
    watching.expect("wrote web/deeper/weather.js");
    watching.expect("watching for changes");

    std::fs::remove_dir_all(project.schemas()).expect("the definitions");
    watching.expect_error("error[");
    project.define("news.yaml", DEFINITION);
    watching.expect("removed web/deeper/weather.js");
    watching.expect("watching for changes");
    project.define("news.yaml", &DEFINITION.replace("text", "title"));
    watching.expect("wrote web/news.types.d.ts");

    project.define("../fanfare.yaml", "outputs: [{ language: json-schema, folder: docs }]\n");
    watching.expect("wrote docs/news/headline.json");
}
