// The three services under pm2: `pm2 start ecosystem.config.js`, then `pm2 save`.
// No secret belongs in an environment that pm2 sees: it writes the whole of it, readable to everybody, to its dump.
const path = require("path");

const named = process.env.TRADE_ENGINE_KEY_FILE;
const environment = process.env.TRADE_ENGINE_VENV || path.join(__dirname, ".venv");

function service(name, script, patience) {
  return {
    name,
    script: path.join(__dirname, script),
    cwd: __dirname,
    interpreter: path.join(environment, "bin", "python"),
    exec_mode: "fork",
    instances: 1,
    watch: false, // the services write files beside themselves all the time
    kill_timeout: patience, // milliseconds between SIGINT and SIGKILL
    stop_exit_codes: [78], // configuration or lock: starting again would not help
    exp_backoff_restart_delay: 1000, // pm2 7.0.4 then shows "waiting restart" also for what it leaves down after a 78
    max_restarts: 1000000, // an exchange or a disk may be gone for hours
    merge_logs: true,
    time: false, // our lines carry their own time
    filter_env: ["TRADE_ENGINE_KEY", "TRADE_ENGINE_NEXT_KEY", "VAULT_", "AWS_", "TOKEN", "SECRET", "PASSWORD"],
    env: named ? { TRADE_ENGINE_KEY_FILE: named } : {},
  };
}

module.exports = {
  apps: [
    service("tradingview-endpoint", "signal_endpoints/tradingview_endpoint.py", 10000),
    service("bittensor-signals", "signal_processors/bittensor_processor.py", 10000),
    service("trade-engine", "execute_trades.py", 30000),
  ],
};
