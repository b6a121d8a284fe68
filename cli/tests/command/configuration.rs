//! `fanfare.yaml`: where the definitions are, and which outputs are generated.

use crate::{Project, assert_exit, files, stderr, stdout};

const SHOP: &str = "\
version: 1
channels:
  orders:
    address: orders
    topics:
      order: { payload: { $ref: \"#/$defs/Order\" } }
  stock:
    address: stock
    topics:
      level: { payload: { $ref: \"#/$defs/Level\" } }
$defs:
  Order: { type: object, required: [id, of], properties: { id: { type: integer }, of: { $ref: \"#/$defs/Item\" } } }
  Item: { type: object, required: [name], properties: { name: { type: string } } }
  Level: { type: object, required: [left], properties: { left: { type: integer, not: { const: 3 } } } }
";

/// A monorepo: a server, a web application that shows orders, and a worker that reads the stock.
const MONOREPO: &str = "\
version: 1
schemas: definitions
outputs:
  - { language: rust, folder: server/src/generated }
  - { language: typescript, folder: web/src/generated, channels: [orders, news] }
  - language: typescript
    folder: worker/channels
    style: ts
    imports: none
    zod-schemas: [zod/mini]
    channels: [stock]
  - { language: json-schema, folder: docs/schemas, channels: [] }
";

fn monorepo(name: &str, configuration: &str) -> Project {
    let project = Project::new(name);
    project.define("../definitions/shop.yaml", SHOP);
    project.define("../definitions/news.yaml", crate::DEFINITION);
    project.define("../fanfare.yaml", configuration);
    project
}

#[test]
fn each_output_has_its_folder_style_and_channels() {
    let project = monorepo("outputs", MONOREPO);
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("wrote server/src/generated/news.rs\n"), "{}", stdout(&output));

    let web = files(&project.0.join("web/src/generated"));
    let names: Vec<&str> = web.keys().map(String::as_str).filter(|name| name.starts_with("shop")).collect();
    assert_eq!(
        names,
        [
            "shop.d.ts",
            "shop.js",
            "shop.types.d.ts",
            "shop.validators.d.ts",
            "shop.validators.js",
            "shop.zod.d.ts",
            "shop.zod.js"
        ]
    );
    let shop: String =
        web.iter().filter(|(name, _)| name.starts_with("shop")).map(|(_, text)| text.as_str()).collect();
    assert!(shop.contains("OrderSchema") && shop.contains("ItemSchema"));
    for other in ["stock", "Level", "$Left"] {
        assert!(!shop.contains(other), "{other} is only in a channel that the page does not use:\n{shop}");
    }

    let worker = files(&project.0.join("worker/channels"));
    let names: Vec<&str> = worker.keys().map(String::as_str).collect();
    assert_eq!(names, ["index.ts", "shop.ts", "shop.types.ts", "shop.validators.ts", "shop.zod-mini.ts"]);
    assert!(worker["shop.ts"].contains("from \"./shop.validators\";"), "{}", worker["shop.ts"]);
    assert!(!worker["shop.ts"].contains("orders"));

    assert!(files(&project.0.join("docs")).is_empty());
    let fingerprint = |text: &str, channel: &str| {
        let at = text.find(&format!("\"{channel}\"")).expect("the channel");
        let at = at + text[at..].find("fingerprint: ").expect("a fingerprint");
        text[at..].lines().next().expect("a line").to_owned()
    };
    let server = files(&project.0.join("server/src/generated"));
    for (channel, text) in [("orders", &web["shop.js"]), ("stock", &worker["shop.ts"])] {
        assert_eq!(fingerprint(text, channel), fingerprint(&server[&format!("{channel}.rs")], channel));
    }

    let check = project.fanfare(&["generate", "--check"]);
    assert_exit(&check, 0);
}

#[test]
fn rust_for_some_channels_has_only_their_types() {
    let project = monorepo(
        "some-rust",
        "schemas: definitions\noutputs: [{ language: rust, folder: stock, channels: [stock] }]\n",
    );
    assert_exit(&project.fanfare(&["generate"]), 0);
    let made = files(&project.0.join("stock"));
    assert_eq!(made.keys().collect::<Vec<_>>(), ["channels.rs", "stock.rs"]);
    assert!(made["channels.rs"].contains("pub struct Level") && !made["channels.rs"].contains("Order"));
}

#[test]
fn outputs_that_no_longer_exist_are_removed_from_their_folder() {
    let project = monorepo("orphans", MONOREPO);
    assert_exit(&project.fanfare(&["generate"]), 0);
    project.define("../web/src/generated/mine.js", "// mine\n");
    project.define("../fanfare.yaml", &MONOREPO.replace("channels: [orders, news]", "channels: [news]"));
    let output = project.fanfare(&["generate"]);
    assert!(stdout(&output).contains("removed web/src/generated/shop.js\n"), "{}", stdout(&output));
    let web = files(&project.0.join("web/src/generated"));
    assert!(web.contains_key("mine.js") && !web.contains_key("shop.js"), "{:?}", web.keys());
}

#[test]
fn arguments_replace_settings() {
    let project = monorepo("arguments", MONOREPO);
    let output = project.fanfare(&["generate", "--schemas", "schemas", "--out", "generated"]);
    assert_exit(&output, 0);
    assert!(stdout(&output).contains("wrote generated/typescript/news.js\n"), "{}", stdout(&output));
    assert!(!project.0.join("web").exists());

    project.define("../other.yaml", "schemas: definitions\n");
    assert_exit(&project.fanfare(&["lint", "--config", "other.yaml"]), 0);
}

#[test]
fn paths_are_relative_to_the_configuration() {
    let project = monorepo("elsewhere", MONOREPO);
    let output = project.fanfare(&["generate", "--config", "web/fanfare.yaml"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).starts_with("error: web/fanfare.yaml: "), "{}", stderr(&output));
    let name = project.0.file_name().expect("a name").to_string_lossy();
    let output = project.fanfare(&["generate", "--config", &format!("../{name}/fanfare.yaml")]);
    assert!(
        stdout(&output).contains(&format!("wrote ../{name}/server/src/generated/news.rs\n")),
        "{}",
        stdout(&output)
    );
}

#[test]
fn files_of_the_user_are_not_overwritten() {
    let project = Project::new("own-files");
    project.define("../fanfare.yaml", "outputs: [{ language: typescript, folder: src, style: ts }]\n");
    project.define("../src/index.ts", "export const mine = 1;\n");
    let output = project.fanfare(&["generate"]);
    assert_exit(&output, 2);
    let expected = "src/index.ts was not generated by fanfare; move it, or choose another output folder";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    let files = files(&project.0.join("src"));
    assert_eq!(files.keys().collect::<Vec<_>>(), ["index.ts"]);
    assert_eq!(files["index.ts"], "export const mine = 1;\n");
}

#[cfg(unix)]
#[test]
fn folders_that_meet_in_other_spellings_are_found() {
    let project = Project::new("folders");
    std::fs::create_dir_all(project.0.join("gen")).expect("a folder");
    std::os::unix::fs::symlink("gen", project.0.join("link")).expect("a link");
    std::os::unix::fs::symlink("schemas", project.0.join("definitions")).expect("a link");
    for (folder, expected) in [
        ("x/../gen", "is inside x/../gen, the folder of another output"),
        ("link/deeper", "is inside gen, the folder of another output"),
        ("x/../schemas/gen", "is inside the definition folder"),
        ("definitions/gen", "is inside the definition folder"),
        ("'.'", "is inside ., the folder of another output"),
        ("''", "an output has an empty folder"),
    ] {
        let outputs =
            format!("[{{ language: rust, folder: gen }}, {{ language: json-schema, folder: {folder} }}]");
        project.define("../fanfare.yaml", &format!("outputs: {outputs}\n"));
        let output = project.fanfare(&["generate"]);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(expected), "{folder}: {}", stderr(&output));
    }
}

#[cfg(unix)]
#[test]
fn every_message_format_survives_a_file_name_that_is_not_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let project = Project::new("not-text");
    let path = project.schemas().join(std::ffi::OsStr::from_bytes(b"b\xff.yaml"));
    if std::fs::write(path, "version: 1\nchannels: [").is_err() {
        return; // This file system allows text only.
    }
    for format in ["human", "json", "github", "sarif"] {
        assert_exit(&project.fanfare(&["generate", "--message-format", format]), 1);
    }
}

#[test]
fn reports_without_warnings_are_valid() {
    let project = Project::new("no-warnings");
    for format in ["json", "sarif"] {
        let output = project.fanfare(&["lint", "--message-format", format]);
        assert_exit(&output, 0);
        serde_json::from_str::<serde_json::Value>(&stdout(&output))
            .unwrap_or_else(|error| panic!("{format}: {error}"));
    }
}

#[test]
fn mistakes_in_the_configuration_are_explained() {
    for (configuration, expected) in [
        (
            "outputs: [{ language: java, folder: x }]",
            "unknown variant `java`, expected one of `rust`, `typescript`, `json-schema`",
        ),
        ("outputs: [{ language: rust }]", "missing field `folder`"),
        (
            "outputs: [{ language: rust, folder: x, style: ts }]",
            "outputs, number 1: `style` applies to `language: typescript` only",
        ),
        (
            "outputs: [{ language: typescript, folder: x, imports: ts }]",
            "outputs, number 1: `imports` applies to `style: ts` only",
        ),
        ("output: []", "unknown field `output`"),
        ("version: 2", "this version of `fanfare` reads `version: 1` only"),
        (
            "outputs: [{ language: rust, folder: definitions/x }]",
            "the output folder definitions/x is inside the definition folder",
        ),
        (
            "outputs: [{ language: rust, folder: x }, { language: json-schema, folder: x/y }]",
            "the output folder x/y is inside x, the folder of another output",
        ),
        ("outputs: [{ language: rust, folder: x }, { language: json-schema, folder: x }]", "is inside x"),
        (
            "outputs: [{ language: rust, folder: x, channels: [order] }]",
            "the output x: no definition has the channel `order`; did you mean `orders`?",
        ),
    ] {
        let project = monorepo("mistakes", &format!("schemas: definitions\n{configuration}\n"));
        let output = project.fanfare(&["generate"]);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(expected), "{configuration}: {}", stderr(&output));
        assert!(!project.0.join("x").exists());
    }
}
