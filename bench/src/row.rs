//! What a peer's runs in a case come to.

use bench_job::{Latency, Sample};
use serde::{Deserialize, Serialize};

/// Medians of the runs. `rps` is messages a second for one-way messages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    pub peer: String,
    pub version: String,
    pub case: String,
    pub rps: Option<f64>,
    pub rps_min: Option<f64>,
    pub rps_max: Option<f64>,
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub p999_us: Option<f64>,
    /// The latency while no call burned CPU, of `mixed`.
    pub calm_p50_us: Option<f64>,
    pub calm_p99_us: Option<f64>,
    pub calm_p999_us: Option<f64>,
    pub cpu_s_per_million: Option<f64>,
    pub client_cpu_s_per_million: Option<f64>,
    pub server_cpu_s_per_million: Option<f64>,
    /// Of both processes.
    pub switches_per_call: Option<f64>,
    pub segments_per_call: Option<f64>,
    pub server_rss_kib: u64,
    /// Cores that something else used meanwhile: above a tenth or so, the rates are not to be trusted.
    pub others_cores: Option<f64>,
    /// How far apart the two cores were, in nanoseconds to the other and back: where this changes, so do rates.
    pub apart_ns: Option<f64>,
    /// Of the load beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_rps: Option<f64>,
    /// Of an idle connection, or of a stream.
    pub kib_per_connection: Option<f64>,
    pub client_kib_per_connection: Option<f64>,
    pub runs: usize,
}

impl Row {
    pub fn new(case: &str, peer: &str, version: &str, samples: &[Sample]) -> Self {
        let calls = |sample: &Sample| (sample.calls > 0).then_some(sample.calls as f64);
        let rate = |sample: &Sample| calls(sample).map(|calls| calls / sample.seconds);
        let rates = || samples.iter().filter_map(rate);
        let median = |of: &dyn Fn(&Sample) -> Option<f64>| median(samples.iter().filter_map(of).collect());
        let per_call = |of: fn(&Sample) -> f64| median(&|s| calls(s).map(|calls| of(s) / calls));
        let latency = |of: fn(&Latency) -> f64| median(&|s| (s.latency.max_us > 0.0).then(|| of(&s.latency)));
        let calm = |of: fn(&Latency) -> f64| median(&|s| s.calm.as_ref().map(of));
        let million = |cpu: Option<f64>| cpu.map(|cpu| cpu * 1e6);
        Self {
            peer: peer.to_owned(),
            version: version.to_owned(),
            case: case.to_owned(),
            rps: median(&rate),
            rps_min: rates().reduce(f64::min),
            rps_max: rates().reduce(f64::max),
            p50_us: latency(|l| l.p50_us),
            p99_us: latency(|l| l.p99_us),
            p999_us: latency(|l| l.p999_us),
            calm_p50_us: calm(|l| l.p50_us),
            calm_p99_us: calm(|l| l.p99_us),
            calm_p999_us: calm(|l| l.p999_us),
            cpu_s_per_million: million(per_call(|s| s.client.cpu_s + s.server.cpu_s)),
            client_cpu_s_per_million: million(per_call(|s| s.client.cpu_s)),
            server_cpu_s_per_million: million(per_call(|s| s.server.cpu_s)),
            switches_per_call: per_call(|s| (s.client.switches + s.server.switches) as f64),
            segments_per_call: per_call(|s| s.segments as f64),
            server_rss_kib: median(&|s| Some(s.server_rss_kib as f64)).unwrap_or(0.0) as u64,
            others_cores: median(&|s| (s.seconds > 0.0).then(|| s.others_cpu_s / s.seconds)),
            apart_ns: median(&|s| s.apart_ns),
            beside_rps: median(&|s| (s.beside > 0).then(|| s.beside as f64 / s.seconds)),
            kib_per_connection: median(&|s| s.kib_per_connection.map(|[server, _]| server)),
            client_kib_per_connection: median(&|s| s.kib_per_connection.map(|[_, client]| client)),
            runs: samples.len(),
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().saturating_sub(1) / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_is_the_middle_or_the_mean_of_the_two_there() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}
