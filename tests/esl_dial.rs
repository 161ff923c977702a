//! Dial strings and the text that goes into commands: what is carried, what is refused, what the switch would read.

use perezvon::esl::dial::{NUMBER, NotADialString};
use perezvon::esl::text::{MAX_VALUE, Unsafe};
use perezvon::esl::*;

fn value(text: &str) -> Value {
    Value::new(text).unwrap_or_else(|why| panic!("{text:?}: {why}"))
}

fn lossy(text: &str) -> String {
    Value::lossy(text).map_or_else(String::new, |value| value.to_string())
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// What the switch reads as the variables of a dial string.
fn read(text: &str) -> Vec<(String, String)> {
    let originate = Originate::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    originate.variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn an_originate_is_written_as_the_switch_reads_it() {
    let endpoint = Template::new("sofia/gateway/provider/{number}").expect("a template");
    let endpoint = endpoint.fill(&Digits::new("+79161234567").expect("a number"));
    let originate = Originate::new(endpoint)
        .set(name("origination_uuid"), uuid::Uuid::from_u128(1))
        .set(name("origination_caller_id_name"), value("Яндекс, Директ"))
        .set(name("absolute_codec_string"), value("PCMU,PCMA"))
        .set(name("ignore_early_media"), true)
        .set(name("originate_timeout"), 20_u64)
        .set(name("execute_on_originate"), value("sched_hangup +3600 alloted_timeout"));
    let expected = "{origination_uuid=00000000-0000-0000-0000-000000000001,\
        origination_caller_id_name='Яндекс\\, Директ',absolute_codec_string=PCMU\\,PCMA,ignore_early_media=true,\
        originate_timeout=20,execute_on_originate='sched_hangup +3600 alloted_timeout'}\
        sofia/gateway/provider/+79161234567 &park()";
    assert_eq!(originate.to_string(), expected);
    assert_eq!(Originate::parse(expected), Ok(originate));
}

#[test]
fn an_originate_without_variables_has_no_braces() {
    let originate = Originate::new(Endpoint::new("user/1001").expect("an endpoint"));
    assert_eq!(originate.to_string(), "user/1001 &park()");
    assert_eq!(Originate::parse("user/1001 &park()"), Ok(originate));
}

/// The passes, each with a text that shows it.
#[test]
fn the_switch_s_own_reading_is_followed() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(read("{a=1,b=2}user/1 &park()"), [pair("a", "1"), pair("b", "2")]);
    // Quotes cover spaces in the first pass and are gone before commas are looked for.
    assert_eq!(read("{a='x y',b=2}user/1 &park()"), [pair("a", "x y"), pair("b", "2")]);
    assert_eq!(read("{a='x,b=2'}user/1 &park()"), [pair("a", "x"), pair("b", "2")]);
    assert_eq!(read(r"{a=x\,y}user/1 &park()"), [pair("a", "x,y")]);
    assert_eq!(read(r"{a=x\sy}user/1 &park()"), [pair("a", "x y")]);
    // Another sign for the comma.
    assert_eq!(read("{^^:a=x,y:b=2}user/1 &park()"), [pair("a", "x,y"), pair("b", "2")]);
    // A variable without a value is none, and a value keeps its equals signs.
    assert_eq!(read("{a=,b==2=}user/1 &park()"), [pair("b", "=2=")]);
    // Backslashes are taken off three times.
    assert!(
        matches!(Originate::parse(r"{a=x\\\\\\\'y}user/1 &park()"), Err(NotADialString::Part { part, .. }) if part == "x'y")
    );
    // Braces count even in quotes.
    assert_eq!(
        Originate::parse("{a='}'}user/1 &park()").map_err(|why| matches!(why, NotADialString::Part { .. })),
        Err(true)
    );
    assert_eq!(Originate::parse("{a=1user/1 &park()"), Err(NotADialString::Braces));
    for other in ["user/1", "user/1 &system(x)", "user/1 &park() XML", "", "'user/1 &park()'"] {
        assert_eq!(Originate::parse(other), Err(NotADialString::Shape), "{other}");
    }
}

#[test]
fn names_that_attack_come_out_harmless() {
    for (text, carried) in [
        ("${system(touch /tmp/x)}", "(system(touch /tmp/x))"),
        (r#"Иван "Ваня" O'Neil \ x"#, "Иван \u{201d}Ваня\u{201d} O\u{2019}Neil / x"),
        ("one\r\ntwo\n\napi status\u{0}", "one two api status"),
        ("a,b{c}d|e^^:f", "a,b(c)d/e :f"),
        ("  spaces   inside  ", "spaces inside"),
        ("<sip:x@y>", "(sip:x@y)"),
        ("a:_:b", "a: :b"),
        (":_:_:", ": : :"),
        ("reload mod_event_socket", "reload mod event_socket"),
        ("unload MOD_EVENT_SOCKETmod_event_socket", "unload MOD EVENT_SOCKETmod event_socket"),
        ("\u{1b}[31mred", "(31mred"),
        ("line\u{2028}break\u{85}here", "line break here"),
    ] {
        assert_eq!(lossy(text), carried, "{text:?}");
        assert_eq!(Value::new(&lossy(text)).map(|value| value.to_string()).as_deref(), Ok(carried));
    }
    for nothing in ["", "   ", "\n\n", "$^"] {
        assert_eq!(Value::lossy(nothing), None, "{nothing:?}");
    }
    assert!(lossy(&"ж".repeat(MAX_VALUE)).len() <= MAX_VALUE);
}

#[test]
fn what_cannot_be_carried_is_refused_with_its_place() {
    for sign in "{}[]<>|^$'\"\\`\n\r\t\0\u{7f}\u{2028}".chars() {
        assert_eq!(Value::new(&format!("ж{sign}")), Err(Unsafe::Sign { sign, at: 2 }));
    }
    for control in "\n\r\0\t\u{1b}\u{85}".chars() {
        let text = format!("a{control}b");
        assert_eq!(Line::new(&text), Err(Unsafe::Sign { sign: control, at: 1 }));
        assert!(Secret::new(&text).is_err() && Name::new(&text).is_err() && Word::new(&text).is_err());
    }
    assert_eq!(Value::new(" "), Err(Unsafe::Empty));
    assert_eq!(Value::new(&"x".repeat(MAX_VALUE + 1)), Err(Unsafe::TooLong { limit: MAX_VALUE }));
    assert!(matches!(Value::new("a:_:b"), Err(Unsafe::Order(_))));
    for text in ["mod_event_socket", "x MOD_Event_Socket y"] {
        assert!(matches!(Line::new(text), Err(Unsafe::Order(_))), "{text}");
    }
    for word in ["", "a b", "a,b", "-a", "{a", "a'", "я", "a\\b"] {
        assert!(Word::new(word).is_err(), "{word}");
    }
    for number in ["", "+", "12a", "1 2", "++1", "1+", "*98", &"1".repeat(33)] {
        assert!(Digits::new(number).is_err(), "{number}");
    }
    assert_eq!(format!("{:?}", Secret::new("hush").expect("a password")), "Secret(…)");
}

#[test]
fn endpoints_and_templates_are_checked() {
    for good in
        ["user/1001", "user/1001@pbx.example", "sofia/external/100%10.0.0.1:5060;transport=tcp", "loopback/9/default"]
    {
        assert!(Endpoint::new(good).is_ok(), "{good}");
        assert_eq!(Template::new(good).expect("a template").endpoint(), Endpoint::new(good).ok());
    }
    let bad = [
        "",
        "user",
        "user/",
        "/1001",
        "user/1,user/2",
        "user/1|user/2",
        "[a=b]user/1",
        "{a=b}user/1",
        "<a=b>user/1",
        "user/1 2",
        "user/1:_:user/2",
        "user/${x}",
        "user/'1'",
        "user/1\n",
        "user/1\\",
        "error/mod_event_socket",
        "user/я",
        "'user/1",
    ];
    for bad in bad {
        assert!(Endpoint::new(bad).is_err(), "{bad:?}");
        assert!(Template::new(bad).is_err(), "{bad:?}");
    }
    for bad in [NUMBER, "{number}/1", "user/{number}{number}", "user/{num}", "sofia/{number}:_:x"] {
        assert!(Template::new(bad).is_err(), "{bad:?}");
    }
    let template = Template::new("sofia/external/8{number}@host").expect("a template");
    assert!(template.takes_number() && template.endpoint().is_none());
    assert_eq!(template.fill(&Digits::new("123").expect("a number")).as_str(), "sofia/external/8123@host");
}
