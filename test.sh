#!/usr/bin/env bash
# Builds everything, checks the formatting, runs all tests. Last line: "N passed, N failed, N skipped". Exit code 0: nothing failed.
# shellcheck disable=SC2317 # functions that step calls by name
set -uo pipefail
cd "$(dirname "$0")" || exit 1

usage() {
  cat <<'HELP'
./test.sh [--quick] [--filter TEXT] [-- ARGUMENT...]

  --quick         only what needs no container and little time: formatting, and tests/Dac.Tests without those with the trait slow
  --filter TEXT   only tests whose full name (namespace.class.method) contains TEXT; no formatting check
  -- ARGUMENT...  for dotnet test, as they are

Needs the .NET 10 SDK and, except for --quick, Docker. As root on Debian it installs what is missing. Without Docker the system tests
are skipped, or fail where CI=true is set.

  ./test.sh                                  everything
  ./test.sh --quick                          before each commit
  ./test.sh --filter PostgresResultStore     one class
  ./test.sh -- --filter-trait slow=yes       see: dotnet test --help
HELP
}

quick='' filter=''
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=tests/Dac.Tests/Dac.Tests.csproj ;;
    --filter)
      filter=${2:?--filter needs a text}
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    --)
      shift
      break
      ;;
    *)
      echo "Unknown: $1" >&2
      usage >&2
      exit 2
      ;;
  esac
  shift
done

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 skipped=0 failures=()

finish() {
  if [ ${#failures[@]} -gt 0 ]; then
    printf '\nFailed:\n'
    printf '  %s\n' "${failures[@]}"
    if [ -s "$logs/failed" ]; then
      echo
      cat "$logs/failed"
    fi
  fi
  printf '\n%s s in all\n' "$SECONDS"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ] && [ ${#failures[@]} = 0 ]
  exit
}

fail() { # NAME: one more that failed
  failed=$((failed + 1))
  failures+=("$1")
}

step() { # NAME COMMAND...: runs quietly, tells the time; on failure shows the end of its output
  local name=$1 start=$SECONDS
  shift
  printf '%-44s ' "$name"
  if "$@" >"$logs/step" 2>&1; then
    echo "ok      $((SECONDS - start)) s"
    return 0
  fi
  echo "FAILED  $((SECONDS - start)) s"
  # MSBuild tells each error twice.
  awk 'NF && !told[$0]++' "$logs/step" | tail -n 40 | cut -c1-400
  return 1
}

as_root_on_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install_missing() { # What .NET and the tests load at run time: ICU, time zones, certificates.
  local packages=()
  ldconfig -p | grep -q libicuuc || packages+=("$(apt-get update -qq && apt-cache pkgnames libicu | grep -E '^libicu[0-9]+$' | sort | tail -n 1)")
  [ -e /usr/share/zoneinfo/Europe/Berlin ] || packages+=(tzdata)
  [ -e /etc/ssl/certs/ca-certificates.crt ] || packages+=(ca-certificates)
  [ ${#packages[@]} = 0 ] && return
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

operations() { # What the alerts, the dashboards and the manifests are tested with.
  infra/kubectl.sh || return
  command -v promtool >/dev/null && command -v prometheus >/dev/null && return
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus
}

containers() {
  infra/docker-engine.sh || return
  infra/local-images.sh || return
  # A run that was killed leaves its containers behind.
  docker ps -aq --filter label=org.testcontainers=true --filter label=dac.tests=true | xargs -r docker rm -fv
  docker compose ls -aq --filter name=dac-test- | while read -r project; do docker compose -p "$project" down -v -t 5; done
}

run_tests() {
  local summary tests=(--solution Dac.Microservices.sln)
  [ -n "$quick" ] && tests=(--project "$quick" --filter-not-trait slow=yes)
  local start=$SECONDS
  echo "Tests"
  # 8: a project in which the filter finds nothing.
  dotnet test "${tests[@]}" -c Release --no-build --no-ansi --no-progress --ignore-exit-code 8 ${filter:+--filter-method "*$filter*"} "$@" >"$logs/tests" 2>&1
  local code=$?
  grep -E '^(failed|skipped) |\.dll .*(passed|failed)' "$logs/tests" | awk '{sub(/^ +/, "")} !told[$0]++ {print "  " $0}' | cut -c1-200
  printf '%-44s %s\n' "Tests" "done    $((SECONDS - start)) s"
  # Name, message and trace of each failure, up to the next test or the end of its assembly.
  awk '/^failed /{show=1; n=0} /^(passed|skipped) |^\/.*\.dll |^Test run summary:/{show=0} show && ++n<=30' "$logs/tests" | cut -c1-400 >"$logs/failed"
  while IFS= read -r line; do failures+=("$line"); done < <(sed -n 's/^failed //p' "$logs/tests" | cut -c1-200)

  summary=$(awk '/^Test run summary:/{text=""; on=1} on{text=text $0 "\n"} END{printf "%s", text}' "$logs/tests")
  if [ -z "$summary" ]; then
    tail -n 40 "$logs/tests" | cut -c1-400
    fail "the tests ended without a summary (exit code $code)"
    return
  fi
  figure() { # NAME: 0 where the summary does not have it
    local n
    n=$(sed -n "s/^ *$1: *\([0-9][0-9]*\).*/\1/p" <<<"$summary" | head -n 1)
    echo "${n:-0}"
  }
  local wrong=$(($(figure failed) + $(figure error)))
  # A crashed assembly is an error without a test.
  if [ "$(figure error)" != 0 ] || { [ "$wrong" = 0 ] && [ "$code" != 0 ]; }; then
    grep -vE '^ *at |^$' "$logs/tests" | tail -n 40 | cut -c1-400 >>"$logs/failed"
    failures+=("a test assembly did not run to its end (exit code $code)")
    [ "$wrong" != 0 ] || wrong=1
  fi
  passed=$((passed + $(figure succeeded))) failed=$((failed + wrong)) skipped=$((skipped + $(figure skipped)))
  [ $(($(figure total) + wrong)) != 0 ] || fail "no test was found"
  counted=yes
}

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

if as_root_on_debian; then
  step "Packages of the system" install_missing || { fail "packages of the system"; finish; }
fi
command -v dotnet >/dev/null || { fail "dotnet is not there: install the .NET 10 SDK, https://dot.net"; finish; }
if [ -z "$quick" ]; then
  if docker version >/dev/null 2>&1 || as_root_on_debian || [ "${CI:-}" = true ]; then
    step "Docker engine and images" containers || { fail "Docker engine, images"; finish; }
    # Where images are stand-ins there is no registry to take Ryuk, the cleaner of Testcontainers, from.
    if [ "$(docker image inspect -f '{{index .Config.Labels "dac.stand-in"}}' postgres:17)" = true ]; then
      export TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1
    fi
  else
    echo "No Docker engine answers: the system tests will be skipped."
  fi
fi
if [ -z "$quick" ] && as_root_on_debian; then
  step "Prometheus, kubectl" operations || { fail "Prometheus, kubectl"; finish; }
fi
step "Restore" dotnet restore Dac.Microservices.sln -v minimal || { fail "restore"; finish; }
step "Build" dotnet build "${quick:-Dac.Microservices.sln}" -c Release --no-restore -v quiet || { fail "build"; finish; }
if [ -z "$filter" ]; then
  # The build has checked the style already; the order of usings, which only the whole check sees, takes a minute.
  format=(dotnet format Dac.Microservices.sln --no-restore)
  [ -n "$quick" ] && format=(dotnet format whitespace . --folder --exclude '**/bin/**' '**/obj/**')
  if step "Formatting (${format[*]:0:3})" "${format[@]}" --verify-no-changes; then
    passed=$((passed + 1))
  else
    fail "formatting: run dotnet format"
  fi
fi
counted=''
run_tests "$@"
[ -n "$counted" ] || [ ${#failures[@]} != 0 ] || fail "the tests could not be counted"
finish
