//! Verifying tokens with key sets.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;

/// Keys and tokens that Node made.
fn examples() -> (Vec<Value>, Vec<String>) {
    let examples: Value = serde_json::from_str(include_str!("examples.json")).unwrap();
    let tokens = serde_json::from_value(examples["tokens"].clone()).unwrap();
    (examples["keys"].as_array().unwrap().clone(), tokens)
}

fn set(keys: &[Value]) -> Result<KeySet, JwksError> {
    Jwks::from_json("issuer", json!({ "keys": keys }).to_string()).load()
}

fn verifies(set: &KeySet, token: &str) -> bool {
    set.verifies(&Jws::parse(token).ok().unwrap())
}

#[test]
fn each_algorithm_is_verified_with_its_own_key_only() {
    let (keys, tokens) = examples();
    let all = set(&keys).ok().unwrap();
    for (index, token) in tokens.iter().enumerate() {
        assert!(verifies(&all, token), "{token}");
        let others: Vec<_> = keys.iter().filter(|key| **key != keys[index]).cloned().collect();
        assert!(!verifies(&set(&others).ok().unwrap(), token));
        let (rest, signature) = token.rsplit_once('.').unwrap();
        assert!(!verifies(&all, &format!("{rest}A.{signature}")) && !verifies(&all, &format!("{rest}.")));
        // The public key as the secret of HS256 is the oldest trick.
        let secret = keys[index].to_string();
        let forged = super::super::jws::sign_hs256("eddsa", secret.as_bytes(), &json!({})).unwrap();
        assert!(!verifies(&all, &forged));
    }
}

#[test]
fn an_invalid_key_is_rejected_with_a_reason() {
    let (keys, _) = examples();
    let [ed, ec, rsa] = &keys[..] else { panic!("{keys:?}") };
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
    for (key, reason) in [
        (with(ed, "alg", json!(null)), "key \"eddsa\": missing `alg`: use EdDSA, ES256 or RS256"),
        (
            with(ed, "alg", json!("ES256")),
            "alg \"ES256\" with kty \"OKP\" and crv \"Ed25519\" is not supported",
        ),
        (with(ed, "crv", json!("X25519")), "is not supported"),
        (with(ed, "x", json!("AAAA")), "`x` has 3 bytes, not 32"),
        (with(ed, "x", json!(null)), "missing `x`"),
        (with(ed, "d", json!("AAAA")), "private key"),
        (with(ec, "y", json!("?")), "`y` is not base64url without padding"),
        (with(ec, "crv", json!("P-384")), "is not supported"),
        (with(rsa, "alg", json!("PS256")), "is not supported"),
        (with(rsa, "alg", json!("none")), "is not supported"),
        (with(rsa, "n", json!(short)), "the key has 1024 bits, not 2048 to 8192"),
        (with(rsa, "e", json!("AA")), "`e` is not an RSA exponent"),
        (json!({ "kty": "oct", "alg": "HS256", "k": "AAAA" }), "key 0: alg \"HS256\""),
        (json!(7), "key 0: invalid type"),
        (with(ed, "use", json!("enc")), "no key for signatures"),
    ] {
        let error = set(&[key]).err().unwrap().to_string();
        assert!(error.starts_with("invalid key set of issuer \"issuer\": "), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    assert!(set(&[with(ed, "use", json!("enc")), rsa.clone()]).is_ok());
    for json in ["", "[]", "{}", r#"{"keys":7}"#, r#"{"keys":[]}"#] {
        assert!(Jwks::from_json("issuer", json).load().is_err(), "{json}");
    }
    let missing = Jwks::from_file("issuer", "/nowhere/keys.json").load().err().unwrap();
    assert!(missing.to_string().contains("failed to read /nowhere/keys.json"));
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_for_an_unknown_key_id_but_not_for_every_token() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (keys, tokens) = examples();
    let count = Arc::clone(&asked);
    let set = Jwks::from_fn("issuer", move || {
        // The second answer fails, and keeps what was; the third has one more key.
        let answer = match count.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(json!({ "keys": [keys[0]] }).to_string()),
            1 => Err("down".into()),
            _ => Ok(json!({ "keys": [keys[0], keys[1]] }).to_string()),
        };
        async move { answer }
    });
    let set = set.load().ok().unwrap();
    let ask = async |kid: &str, times| {
        for _ in 0..5 {
            set.refresh_for(Some(kid)).await;
        }
        assert_eq!(asked.load(Ordering::Relaxed), times, "{kid}");
    };
    ask("eddsa", 1).await;
    ask("made up", 1).await;
    tokio::time::advance(MIN_REFRESH).await;
    ask("eddsa", 1).await;
    ask("es256", 2).await;
    assert!(verifies(&set, &tokens[0]) && !verifies(&set, &tokens[1]));
    tokio::time::advance(MIN_REFRESH).await;
    ask("es256", 3).await;
    assert!(verifies(&set, &tokens[1]));
    tokio::time::advance(MAX_AGE).await;
    ask("eddsa", 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_issuer_delays_only_tokens_with_unknown_key_ids() {
    let (keys, _) = examples();
    let asked = Arc::new(AtomicUsize::new(0));
    let set = Jwks::from_fn("issuer", move || {
        let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        let answer = json!({ "keys": [keys[0]] }).to_string();
        async move {
            if !is_first {
                std::future::pending::<()>().await;
            }
            Ok(answer)
        }
    });
    let set = set.load().ok().unwrap();
    set.refresh_for(Some("eddsa")).await;
    tokio::time::advance(MIN_REFRESH).await;
    let began = Instant::now();
    let ((), known) = tokio::join!(set.refresh_for(Some("made up")), async {
        set.refresh_for(Some("eddsa")).await;
        began.elapsed()
    });
    assert_eq!((known, began.elapsed()), (Duration::ZERO, TIMEOUT));
}
