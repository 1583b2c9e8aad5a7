# For a tap: `brew install --HEAD TAP/cloudwatch-publisher`. A released version replaces `head` by `url` and `sha256`. The addresses
# lead nowhere until who publishes puts real ones: docs/packages.md.
class CloudwatchPublisher < Formula
  desc "Publishes logs and metrics of a machine to Amazon CloudWatch"
  homepage "https://cloudwatch-publisher.invalid"
  license "Apache-2.0"
  head "https://cloudwatch-publisher.invalid/cloudwatch-publisher.git", branch: "main"

  depends_on "cmake" => :build
  depends_on "rust" => :build
  depends_on :macos

  def install
    system "cargo", "install", *std_cargo_args
    (etc/"cloudwatch-publisher").mkpath
    pkgshare.install "configs"
  end

  def post_install
    (var/"lib/cloudwatch-publisher").mkpath
    (var/"log").mkpath
  end

  service do
    run [opt_bin/"cloudwatch-publisher", "run", etc/"cloudwatch-publisher/config.json"]
    environment_variables PATH: std_service_path_env, STATE_DIRECTORY: var/"lib/cloudwatch-publisher"
    keep_alive successful_exit: false
    throttle_interval 15
    process_type :background
    error_log_path var/"log/cloudwatch-publisher.log"
    log_path var/"log/cloudwatch-publisher.log"
  end

  def caveats
    <<~TEXT
      Make a configuration, and have it judged, before the service is started:
        cloudwatch-publisher configure #{etc}/cloudwatch-publisher/config.json --template macos
        cloudwatch-publisher check #{etc}/cloudwatch-publisher/config.json
        brew services start cloudwatch-publisher

      Started so it runs as you, while you are logged in. With `sudo brew services start` it runs as root from the start of the
      machine, which the unified log needs. installers/install-macos.sh makes a user of its own instead: do not use both.
    TEXT
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/cloudwatch-publisher --version") unless head?
    config = testpath/"config.json"
    system bin/"cloudwatch-publisher", "configure", config, "--template", "minimal", "--set", "agent.region=eu-central-1",
           "--set", "agent.instance.serial=1"
    system bin/"cloudwatch-publisher", "check", config
  end
end
