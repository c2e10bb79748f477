//! What a Prometheus would read.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// Records what is counted on this thread while the guard of [`install`](Self::install) lives, and so in a runtime on it.
pub(crate) struct Recorder(PrometheusRecorder);

impl Recorder {
    pub(crate) fn new() -> Self {
        Self(PrometheusBuilder::new().build_recorder())
    }

    pub(crate) fn install(&self) -> metrics::LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(&self.0)
    }

    pub(crate) fn text(&self) -> String {
        self.0.handle().render()
    }

    /// The sum of the series with this name and with all of these labels, as in `class="read"`.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.text();
        let series = text.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (found, found_labels) = series.split_once('{').unwrap_or((series, ""));
            let has = |label: &&str| found_labels.contains(*label);
            (found == name && labels.iter().all(has)).then(|| value.parse::<f64>().unwrap())
        });
        series.sum()
    }
}
