//! Chromium, driven by ChromeDriver (W3C WebDriver over HTTP).

use crate::outside;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long something may take to show itself on a page.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(40);
/// The key of an element's reference (WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys of the keyboard (WebDriver, section 17.4.2).
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const SPACE: &str = " ";
pub const ESCAPE: &str = "\u{e00c}";

/// How a browser is set up.
#[derive(Clone, Copy)]
pub struct Look {
    pub language: &'static str,
    pub dark: bool,
    pub width: u32,
}

pub const PLAIN: Look = Look { language: "en", dark: false, width: 1280 };

/// A browser with one window.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
    /// A driver to which nobody listens any more ends.
    _said: BufReader<ChildStdout>,
}

/// A browser, if this machine has one; see `outside::program`.
pub fn browser(look: Look) -> Option<Browser> {
    let mut driver = outside::program("chromedriver")?;
    outside::program("chromium")?;
    let mut driver = driver.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(driver.stdout.take().unwrap());
    let port = said
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok())
        .next()
        .expect("chromedriver tells its port");
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Browser { driver, port, session: String::new(), profile, _said: said };
    browser.begin(look);
    Some(browser)
}

impl Browser {
    fn begin(&mut self, look: Look) {
        let mut args = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            format!("--user-data-dir={}", self.profile.path().display()),
            format!("--lang={}", look.language),
            format!("--accept-lang={}", look.language),
            format!("--window-size={},900", look.width.max(500)),
        ];
        if look.dark {
            args.push("--blink-settings=preferredColorScheme=0".into());
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": args },
        }}});
        let made = self.call("POST", "/session", Some(wanted)).expect("a session");
        self.session = made["sessionId"].as_str().unwrap().to_owned();
        // Windows are no narrower than 500; a telephone's is.
        let metrics = json!({ "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.chrome("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// A command of the Chrome DevTools Protocol.
    pub fn chrome(&self, command: &str, params: Value) -> Value {
        self.ask("POST", "goog/cdp/execute", json!({ "cmd": command, "params": params }))
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Value> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = self.exchange(method, path, &body).map_err(|error| json!(error.to_string()))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| json!("no answer"))?;
        let value = serde_json::from_str::<Value>(body).unwrap_or_default()["value"].clone();
        if head.split(' ').nth(1) == Some("200") { Ok(value) } else { Err(value) }
    }

    /// One exchange of HTTP; ChromeDriver keeps its connections, so the length says where the answer ends.
    fn exchange(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let length = body.len();
        let kind = "Content-Type: application/json";
        write!(
            &stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut reader = BufReader::new(&stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head)? > 0 {}
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        Ok(head + &String::from_utf8_lossy(&body))
    }

    fn tried(&self, method: &str, path: &str, body: Value) -> Result<Value, Value> {
        self.call(method, &format!("/session/{}/{path}", self.session), (method == "POST").then_some(body))
    }

    fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        self.tried(method, path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.ask("POST", "url", json!({ "url": url }));
    }

    /// Says yes to what the page asks.
    pub fn accept(&self) {
        self.ask("POST", "alert/accept", json!({}));
    }

    /// What a script returns: `return document.title`.
    pub fn run(&self, script: &str) -> Value {
        self.ask("POST", "execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Waits until this expression is true in the page.
    pub fn until(&self, expression: &str) {
        let begun = Instant::now();
        while self.run(&format!("return !!({expression})")) != json!(true) {
            if begun.elapsed() > PATIENCE {
                self.shot("failed");
                panic!("never came: {expression}\n{}", self.run("return document.body.innerText"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until this text can be seen on the page.
    pub fn until_seen(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text)));
    }

    fn found(&self, css: &str) -> String {
        let begun = Instant::now();
        loop {
            match self.tried("POST", "element", json!({ "using": "css selector", "value": css })) {
                Ok(element) => return element[ELEMENT].as_str().unwrap().to_owned(),
                Err(error) if begun.elapsed() > PATIENCE => {
                    self.shot("failed");
                    panic!("{css}: {error}\n{}", self.run("return document.body.innerText"));
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    /// Clicks the first element of this selector, as soon as it is there and may be clicked.
    pub fn click(&self, css: &str) {
        let begun = Instant::now();
        loop {
            let element = self.found(css);
            match self.tried("POST", &format!("element/{element}/click"), json!({})) {
                Ok(_) => return,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{css}: {error}"),
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Types into the first element of this selector.
    pub fn type_into(&self, css: &str, text: &str) {
        let element = self.found(css);
        self.ask("POST", &format!("element/{element}/value"), json!({ "text": text }));
    }

    /// Types into whatever has the focus: what a person without a mouse does.
    pub fn press(&self, keys: &str) {
        let press = |key: char| {
            let value = key.to_string();
            [json!({ "type": "keyDown", "value": value }), json!({ "type": "keyUp", "value": value })]
        };
        let actions: Vec<Value> = keys.chars().flat_map(press).collect();
        self.ask("POST", "actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// What the page shows of this selector.
    pub fn text(&self, css: &str) -> String {
        let element = self.found(css);
        self.ask("GET", &format!("element/{element}/text"), Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// A picture into the folder of `PEREZVON_SHOTS`, if that is set.
    pub fn shot(&self, name: &str) {
        let Some(folder) = std::env::var_os("PEREZVON_SHOTS") else { return };
        let picture = self.ask("GET", "screenshot", Value::Null);
        let bytes = BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap();
        fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }

    /// What the page complained of: errors of scripts, refused by the policy, not found.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "se/log", json!({ "type": "browser" }));
        let bad = |entry: &&Value| entry["level"] == "SEVERE";
        log.as_array().unwrap().iter().filter(bad).map(|entry| entry["message"].to_string()).collect()
    }

    /// Nothing on the page was complained of, but what contains one of these.
    pub fn assert_quiet(&self, but: &[&str]) {
        let complaints = self.complaints();
        let strange: Vec<_> = complaints.iter().filter(|said| !but.iter().any(|known| said.contains(known))).collect();
        assert!(strange.is_empty(), "{strange:#?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.tried("DELETE", "", Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
