//! One run: a fresh server, a client, and what the client tells.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bench_job::{Job, Sample};

use crate::Error;
use crate::cases::seconds;

pub fn run(program: &Path, job: &Job) -> Result<Sample, Error> {
    // A port that was free a moment ago.
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut job = Job { addr, ..*job };
    let server = start(program, "server", &job)?;
    job.server_pid = server.0.id();
    let mut client = start(program, "client", &job)?;
    let patience = Duration::from_secs_f64(20.0 + 3.0 * seconds(&job));
    let said = client.wait(patience)?;
    serde_json::from_str(&said).map_err(|error| format!("the client said {said:?}: {error}").into())
}

fn start(program: &Path, mode: &str, job: &Job) -> Result<Running, Error> {
    let job = serde_json::to_string(job)?;
    let output = if mode == "client" { Stdio::piped() } else { Stdio::null() };
    Ok(Running(Command::new(program).args([mode, &job]).stdin(Stdio::null()).stdout(output).spawn()?))
}

/// Killed when it is dropped.
struct Running(Child);

impl Running {
    fn wait(&mut self, patience: Duration) -> Result<String, Error> {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.0.try_wait()? {
                break status;
            }
            if start.elapsed() > patience {
                return Err(format!("not done after {} s", patience.as_secs()).into());
            }
            thread::sleep(Duration::from_millis(20));
        };
        if !status.success() {
            return Err(format!("the client ended with {status}").into());
        }
        let mut said = String::new();
        if let Some(output) = &mut self.0.stdout {
            output.read_to_string(&mut said)?;
        }
        Ok(said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
