//! Which server and key the commands use, tokens, and mistakes that need no server. `tests/end-to-end/command-line.test.ts`
//! tests the commands with a server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;

use serde_json::Value;

use crate::{Project, assert_exit, stderr, stdout};

const KEY: &str = "signkey-test-00112233445566778899aabbccddeeff";

/// A port of this machine that refuses connections.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Runs a command with these variables, and no others of Fanfare.
fn run(project: &Project, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = project.command(arguments);
    for name in ["FANFARE_URL", "FANFARE_SIGNING_KEY", "FANFARE_TOKEN"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().expect("the command starts")
}

fn assert_fails(output: &Output, code: i32, expected: &[&str]) {
    assert_exit(output, code);
    for text in expected {
        assert!(stderr(output).contains(text), "{text} is not in:\n{}", stderr(output));
    }
}

#[test]
fn arguments_precede_variables_and_these_precede_the_configuration() {
    let project = Project::new("precedence");
    project.define("../fanfare.yaml", "server: { url: http://127.0.0.1:3, key-variable: MY_KEY }\n");
    let variables = [("FANFARE_URL", "http://127.0.0.1:2"), ("FANFARE_SIGNING_KEY", KEY)];
    let arguments = ["runs", "ls", "--url", NOWHERE, "--key", KEY];
    assert_fails(&run(&project, &variables, &arguments), 2, &["cannot reach http://127.0.0.1:1:"]);
    assert_fails(&run(&project, &variables, &arguments[..2]), 2, &["cannot reach http://127.0.0.1:2:"]);
    let configured = run(&project, &[("MY_KEY", KEY)], &["runs", "ls"]);
    assert_fails(&configured, 2, &["cannot reach http://127.0.0.1:3:", "help: start the server"]);
    let unset = run(&project, &[], &["runs", "ls"]);
    assert_fails(&unset, 2, &["the environment variable MY_KEY is not set", "fanfare.yaml names it"]);
}

#[test]
fn a_missing_url_or_key_names_all_ways_to_give_it() {
    let project = Project::new("no-server");
    for verb in
        [vec!["tail", "a"], vec!["publish", "a", "b", "1"], vec!["signal", "a", "b", "1"], vec!["runs"]]
    {
        let output = run(&project, &[], &verb);
        assert_fails(
            &output,
            2,
            &["no server URL", "`--url", "FANFARE_URL", "`server: { url: … }` to fanfare.yaml"],
        );
        let output = run(&project, &[("FANFARE_URL", NOWHERE)], &verb);
        let ways =
            ["no signing key", "`--key`", "FANFARE_SIGNING_KEY", "fanfare.yaml: `server: { key-variable"];
        assert_fails(&output, 2, &ways);
    }
}

#[test]
fn mistakes_in_the_server_of_the_configuration_are_explained() {
    for (server, expected) in [
        ("{ url: localhost }", "server: `url` must be like `https://realtime.example.com`"),
        (&*format!("{{ key-variable: {KEY} }}"), "never write the key itself here"),
        ("{ key: x }", "unknown field `key`"),
    ] {
        let project = Project::new("server-mistakes");
        project.define("../fanfare.yaml", &format!("server: {server}\n"));
        assert_fails(&run(&project, &[], &["runs"]), 2, &["error: fanfare.yaml: ", expected]);
    }
}

#[test]
fn a_server_that_is_not_fanfare_is_recognized() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot found");
        }
    });
    let project = Project::new("not-fanfare");
    let variables = [("FANFARE_URL", &*url), ("FANFARE_SIGNING_KEY", KEY)];
    assert_fails(&run(&project, &variables, &["runs"]), 2, &["has no admin routes", "correct the URL"]);
    let publish = run(&project, &variables, &["publish", "a", "b", "1"]);
    assert_fails(&publish, 2, &["does not serve Fanfare (status 404)", "before `/v1/realtime`"]);
    let tail = run(&project, &variables, &["tail", "a"]);
    assert_fails(&tail, 2, &["has no admin routes", "name the topics with `--topic`"]);
}

#[test]
fn wrong_arguments_are_explained() {
    let project = Project::new("remote-usage");
    let variables = [("FANFARE_URL", NOWHERE), ("FANFARE_SIGNING_KEY", KEY)];
    for (arguments, expected) in [
        (vec!["tail", "a", "--since", "soon"], "write `start`, a duration such as `10m`"),
        (vec!["runs", "ls", "--since", "5x"], "write a duration, such as `10m`, or a time"),
        (vec!["runs", "ls", "--state", "gone"], "possible values: running, halted, completed"),
        (vec!["publish", "a", "b", "@nowhere.json"], "error: nowhere.json: No such file"),
        (vec!["publish", "a", "b", "1", "--url", "ftp://a"], "has no scheme `https` or `http`"),
        (vec!["signal", "a", "b", "1", "--as", ""], "a token's subject must have 1 to 256 characters"),
        (vec!["signal", "a", "b", "1", "--as", "ada", "--token", "x"], "`--as` needs the signing key"),
        (vec!["token"], "the token would allow nothing"),
        (vec!["token", "--subscribe", "status"], "write `<channel>/<name>`"),
        (vec!["token", "--subscribe", "a/b,"], "has an empty name after the channel `a`"),
        (vec!["token", "--admin", "--signal", "a/b"], "cannot be used with"),
        (vec!["token", "--admin", "--expires-in", "2d"], "by default one day"),
        (vec!["token", "--admin", "--expires-in", "2w"], "write a number and a unit"),
        (vec!["token", "--admin", "--key", "short"], "the signing key is too short"),
        (vec!["token", "--admin", "--token", "x"], "a token needs the signing key to be signed"),
    ] {
        assert_fails(&run(&project, &variables, &arguments), 2, &[expected]);
    }
}

#[test]
fn a_token_is_minted_and_decoded_without_a_server() {
    let project = Project::new("token");
    let variables = [("FANFARE_SIGNING_KEY", KEY)];
    let mint =
        ["token", "--subscribe", "a/b:1/status,draft", "--signal", "x/go", "--subject", "ada", "--id", "7"];
    let minted = run(&project, &variables, &mint);
    assert_exit(&minted, 0);
    let token = stdout(&minted).trim().to_owned();
    assert_eq!(stdout(&minted), format!("{token}\n"));

    let decoded = run(&project, &variables, &["token", "decode", &token]);
    assert_exit(&decoded, 0);
    let line: Value = serde_json::from_str(&stdout(&decoded)).expect("JSON");
    assert_eq!(line["is_valid"], true);
    let claims = &line["claims"];
    assert_eq!((&claims["sub"], &claims["jti"]), (&Value::from("ada"), &Value::from("7")));
    assert_eq!(
        claims["topics"][1],
        serde_json::json!({ "kind": "run", "channel": "a/b:1", "name": "draft" })
    );
    assert_eq!(claims["signals"], serde_json::json!([{ "channel": "x", "name": "go" }]));
    assert_eq!(claims["exp"].as_u64().zip(claims["iat"].as_u64()).map(|(exp, iat)| exp - iat), Some(3600));

    let other = run(&project, &[], &["token", "decode", &token, "--key", &KEY.replace('0', "1")]);
    assert_fails(&other, 1, &["the token is not valid: the token is signed with an unknown key"]);
    let unchecked = run(&project, &[], &["token", "decode", &token]);
    assert_exit(&unchecked, 0);
    assert!(!stdout(&unchecked).contains("is_valid"), "{}", stdout(&unchecked));
    // A key that cannot be found does not prevent reading the claims.
    let configuration = "server: { key-variable: FANFARE_TEST_UNSET }\n";
    std::fs::write(project.0.join("fanfare.yaml"), configuration).expect("a file that can be written");
    let unchecked = run(&project, &[], &["token", "decode", &token]);
    assert_exit(&unchecked, 0);
    assert!(!stdout(&unchecked).contains("is_valid"), "{}", stdout(&unchecked));
    assert_fails(&run(&project, &[], &["token", "decode", "x"]), 1, &["the text is not a token"]);
}

#[cfg(feature = "storage")]
#[test]
fn a_storage_is_checked_and_not_created() {
    let project = Project::new("storage");
    std::fs::create_dir_all(&project.0).expect("a folder");
    let check = |arguments: &[&str]| run(&project, &[], &[&["storage", "check"], arguments].concat());
    let new = check(&["fanfare.db"]);
    let lines: Vec<Value> =
        stdout(&new).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let find = |subject: &str| lines.iter().find(|line| line["subject"] == subject);
    let file = find("file").expect("a finding");
    assert_eq!((&file["status"], file.get("help")), (&Value::from("ok"), None), "{file}");
    assert!(!project.0.join("fanfare.db").exists());
    std::fs::write(project.0.join("other.db"), "x".repeat(1000)).expect("a file that can be written");
    let other = check(&["other.db"]);
    assert_fails(&other, 1, &["error: servers cannot use this storage: a check failed"]);
    assert!(stdout(&other).contains("file is not a database"), "{}", stdout(&other));
    for url in ["nats://127.0.0.1:1", "postgres://127.0.0.1:1/app?connect_timeout=1"] {
        let output = run(&project, &[("FANFARE_STORAGE_URL", url)], &["storage", "check"]);
        assert_fails(&output, 1, &["a check failed"]);
        let line: Value = serde_json::from_str(stdout(&output).trim()).expect("JSON");
        assert_eq!((&line["subject"], &line["status"]), (&"connection".into(), &"failed".into()));
    }
    assert_fails(&check(&[]), 2, &["no storage", "FANFARE_STORAGE_URL"]);
    assert_fails(&check(&["redis://127.0.0.1"]), 2, &["unknown kind of storage", "postgres://"]);
    for text in ["dbname=app user=x password=s3cret host=db", "password = s3cret", "sslmode=disable user=x"] {
        let refused = check(&[text, "--replicas", "3"]);
        assert_fails(&refused, 2, &["`--replicas` is only for NATS"]);
        let local = format!("{text} hostaddr=127.0.0.1 port=1 user=x connect_timeout=1");
        let output = check(&[&local]);
        assert!(stdout(&output).contains("\"connection\""), "{}", stdout(&output));
        assert!(!stdout(&output).contains("s3cret") && !stderr(&output).contains("s3cret"), "{output:?}");
    }
    for text in [
        "x:s3cret@db:4222",
        "s3cret@db",
        "x:s3/cret@db/app",
        "Server=db;Password=s3cret",
        "http://x:s3cret@db",
    ] {
        let output = check(&[text]);
        assert_fails(&output, 2, &["unknown kind of storage"]);
        assert!(!stdout(&output).contains("s3cret") && !stderr(&output).contains("s3cret"), "{output:?}");
    }
    for path in ["./a@b.db", "a=b.db"] {
        assert!(stdout(&check(&[path])).contains("will create"), "{path}");
    }
    assert_fails(&check(&["fanfare.db", "--replicas", "3"]), 2, &["`--replicas` is only for NATS"]);
    assert_fails(&check(&["nats://a", "--servers", "3"]), 2, &["`--servers` is only for PostgreSQL"]);
    assert_fails(&check(&["nats://a", "--user", "a"]), 2, &["FANFARE_STORAGE_PASSWORD"]);
    for option in ["--nkey-file", "--token-file"] {
        assert_fails(&check(&["nats://a", option, "absent"]), 2, &["absent: "]);
        assert_fails(&check(&["fanfare.db", option, "absent"]), 2, &["is only for NATS"]);
    }
}
