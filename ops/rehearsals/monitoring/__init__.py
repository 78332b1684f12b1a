"""Monitoring, rehearsed with a real Prometheus and a real Alertmanager: `make rehearse-monitoring`.

run             from the first server to the exit code
binaries        Prometheus and Alertmanager: those on the path, or Debian's, which are installed
configuration   the files of ops/prometheus and ops/alertmanager, with the addresses of this run and shorter durations
servers         starts both
prometheus      asks Prometheus
dashboard       the panels' queries, out of the file that Grafana would load
receiver        gets the alerts, as the webhook of an operator would
workers         a worker that can be killed
load            jobs that succeed, and jobs that fail
scenario        the steps, and what each must show
pictures        the panels, drawn
"""
