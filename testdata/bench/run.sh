#!/usr/bin/env bash
# What a check costs beside other programs at the same work. Run it from anywhere in a checkout on Debian, when nothing
# else runs: it makes its own certificate, snapshots, TLS server and Windows host on loopback, runs the programs in turn,
# ROUNDS times (20) after a first round that counts for nothing, and prints a table of medians and of the largest memory
# of any process. A program that fails at its work ends the run. check_cert is taken from the PATH or installed.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
rounds=${ROUNDS:-20}
plugins=/usr/lib/nagios/plugins
shared=$(realpath -m "${CHECK_EXCHANGE_AUTHCERT_SHARED:-../shared}")
check_cert=github.com/atc0005/check-cert/cmd/check_cert@v0.25.8

work=$(mktemp -d)
started=()
finish() {
  [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() { printf '%s\n' "$*" >&2; exit 1; }

required() {
  local missing=()
  command -v go >/dev/null || fail "missing: go, of the version that go.mod names"
  [ -x /usr/bin/time ] || missing+=(time)
  [ -x $plugins/check_http ] || missing+=(monitoring-plugins-basic)
  [ -x $plugins/check_ssl_cert ] || missing+=(monitoring-plugins-contrib)
  for program in openssl jq curl file bc; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] || fail "missing: apt-get install --no-install-recommends ${missing[*]}"
}

# started_with WORD FILE: waits until a program that was started has written a line with that word, and prints the line.
started_with() {
  for _ in {1..200}; do
    grep -m1 -- "$1" "$2" && return
    sleep 0.05
  done
  fail "not started: $(cat "$2")"
}

skipped=() # what could not be measured, and why

names=() commands=()
# program NAME COMMAND…: one that does the work at hand. All of them answer with exit code 0.
program() {
  names+=("$1")
  commands+=("$(printf '%q ' "${@:2}")")
}

once() { "$@" </dev/null >"$work/output" 2>&1 || fail "exit code $?: $*: $(cat "$work/output")"; }

# measure WORK: runs the programs in turn and prints their lines of the table; ours comes first.
measure() {
  local round i command before after median ours memory
  for ((round = 0; round <= rounds; round++)); do
    for i in "${!names[@]}"; do
      eval "command=(${commands[i]})"
      before=$EPOCHREALTIME
      once "${command[@]}"
      after=$EPOCHREALTIME
      [ "$round" -eq 0 ] || echo $((${after/./} - ${before/./})) >>"$work/times.$i"
    done
  done
  for i in "${!names[@]}"; do
    eval "command=(${commands[i]})"
    for _ in 1 2 3; do
      once /usr/bin/time --quiet -a -o "$work/memory.$i" -f %M "${command[@]}"
    done
    median=$(sort -n "$work/times.$i" | awk '{ t[NR] = $1 } END { print (t[int((NR + 1) / 2)] + t[int(NR / 2) + 1]) / 2 }')
    memory=$(sort -n "$work/memory.$i" | tail -n 1)
    [ "$i" -gt 0 ] || ours=$median
    awk -v work="$1" -v name="${names[i]}" -v median="$median" -v ours="$ours" -v memory="$memory" \
      'BEGIN { printf "| %s | %s | %.1f ms | %.2f | %.1f MB |\n", work, name, median / 1000, median / ours, memory / 1024 }'
  done
  rm "$work"/times.* "$work"/memory.*
  names=() commands=()
}

# certificate makes the one certificate that is saved, served and published, and the snapshot that holds nothing else.
certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 390 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost' \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
  openssl x509 -in "$work/cert.pem" -outform der -out "$work/cert.der"
  jq --arg now "$(date -u +%FT%TZ)" --arg der "$(base64 -w0 "$work/cert.der")" --arg sum "$(sha1sum "$work/cert.der" | cut -c1-40)" '
    .takenAt = $now | .authConfig.currentCertificateThumbprint = $sum |
    .servers |= [.[0] | .internalTransportCertificateThumbprint = null | .certificates |= [.[-1] | .rawData = $der]]
  ' testdata/snapshots/healthy.json >"$work/saved.json"
}

saved() {
  certificate
  program check_exchange_authcert "$exe" --snapshot "$work/saved.json"
  program 'openssl x509 -checkend' openssl x509 -noout -checkend 2592000 -in "$work/cert.pem"
  program 'check_ssl_cert -f' $plugins/check_ssl_cert -f "$work/cert.pem" --selfsigned --noauth --ignore-sct -w 60 -c 30
  measure 'judge a saved certificate'
}

# probe asks one TLS server, which also publishes the certificate as an Exchange server does.
probe() {
  local folder=$work/site/autodiscover/metadata/json port
  mkdir -p "$folder"
  jq -n --arg x5t "$(openssl sha1 -binary "$work/cert.der" | basenc --base64url -w0 | tr -d =)" --arg der "$(base64 -w0 "$work/cert.der")" \
    '{keys: [{usage: "signing", keyinfo: {x5t: $x5t}, keyvalue: {type: "x509Certificate", value: $der}}]}' >"$folder/1"
  (cd "$work/site" && exec openssl s_server -accept 127.0.0.1:0 -WWW -cert "$work/cert.pem" -key "$work/key.pem") </dev/null >"$work/tls.log" 2>&1 &
  started+=($!)
  port=$(started_with ACCEPT "$work/tls.log")
  port=${port##*:}
  program check_exchange_authcert "$exe" --published "127.0.0.1:$port"
  program 'check_http -C' $plugins/check_http -I 127.0.0.1 -p "$port" -S -C 60,30
  if command -v check_cert >/dev/null; then
    program 'check_cert (Go)' check_cert --server 127.0.0.1 --dns-name localhost --port "$port" --age-warning 60 --age-critical 30
  fi
  program check_ssl_cert $plugins/check_ssl_cert -H 127.0.0.1 --cn localhost -p "$port" --selfsigned --noauth --ignore-sct --ignore-ocsp -w 60 -c 30
  measure 'ask a TLS server'
}

# servers grows a bundled snapshot. Every server has the organization's Auth Certificate and two of its own: four
# characters of the base64 lie within the serial number, so that no two are the same.
servers() {
  local count
  for count in 1 10 100 1000; do
    jq --argjson count "$count" '.servers as $bundled | .servers = [range($count) as $i | ("000\($i)" | .[-4:]) as $n | $bundled[$i % 4] |
      .fqdn = "ex\($n).contoso.com" | .internalTransportCertificateThumbprint = null |
      .certificates |= map(if .friendlyName == "Microsoft Exchange Server Auth Certificate" then . else .rawData |= .[:24] + $n + .[28:] end)]
    ' testdata/snapshots/healthy.json >"$work/servers-$count.json"
    program "check_exchange_authcert, servers: $count" "$exe" --snapshot "$work/servers-$count.json" --at 2026-11-23
  done
  measure 'judge a snapshot'
}

# winrm has the collector run on a stand-in Windows host, by either side with the same command line, input and output.
winrm() {
  local port url counts
  if [ ! -f "$shared/harness/windows_host.py" ]; then
    skipped+=("WinRM: there is no stand-in Windows host in $shared")
    return
  fi
  if ! /usr/bin/python3 -c 'import gssapi, winrm' 2>/dev/null || ! compgen -G '/usr/lib/*/gssntlmssp/gssntlmssp.so' >/dev/null; then
    skipped+=('WinRM: apt-get install --no-install-recommends python3-gssapi gss-ntlmssp python3-winrm')
    return
  fi
  port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url=http://localhost:$port
  printf 'CONTOSO:monitor:Geheim-Pferd-7\n' >"$work/ntlm"
  (umask 077 && printf 'domain = CONTOSO\nusername = monitor\npassword = Geheim-Pferd-7\n' >"$work/credentials")
  NTLM_USER_FILE=$work/ntlm ENGINE=$shared/powershell/pwsh RECORD=$work/record /usr/bin/python3 "$shared/harness/windows_host.py" --port "$port" \
    --stats "$work/stats" --engine "$PWD/testdata/bench/engine.sh" --init "$PWD/testdata/bench/init.ps1" \
    --export "$shared/realdata/exchange/solo-e16" >"$work/host.log" 2>&1 &
  started+=($!)
  started_with listening "$work/host.log" >/dev/null
  local ours=("$exe" -H localhost -p "$port" --via winrm --credentials "$work/credentials" --exchange-url "$url/PowerShell/" --at 2021-10-01)
  local theirs=(env "OPENSSL_CONF=$shared/reference/openssl-legacy.cnf" /usr/bin/python3 testdata/bench/pywinrm.py "$url/wsman" "$work/record.args" "$work/record.in")
  once "${ours[@]}" # PowerShell's own engine answers, and is recorded
  counts=$(requests "${ours[@]}")
  program "check_exchange_authcert ($counts)" "${ours[@]}"
  counts=$(requests "${theirs[@]}")
  program "python3-winrm ($counts)" "${theirs[@]}"
  measure 'run a command with WinRM'
}

# requests tells what one run costs the Windows host, which counts a request after it has answered it. When output and
# end of a command come apart, they take one request more: the fewest of three runs count.
requests() {
  local before
  for _ in 1 2 3; do
    sleep 0.3
    before=$(<"$work/stats")
    once "$@"
    sleep 0.3
    jq -r --argjson before "$before" '"\(.requests - $before.requests) requests, \(.logons - $before.logons) logon"' "$work/stats"
  done | sort -n | head -n 1
}

# machine says where the figures come from, and of which versions.
machine() {
  local packages=(monitoring-plugins-basic monitoring-plugins-contrib openssl python3-winrm)
  printf '\n%s, %s cores, Linux %s, %s, %s rounds; ' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)" "$(date -u +%F)" "$rounds"
  printf '%s' "$(go env GOVERSION)"
  dpkg-query -W -f ', ${Package} ${Version}' "${packages[@]}" 2>/dev/null || true
  printf '\n'
  [ ${#skipped[@]} -eq 0 ] || printf 'not measured: %s\n' "${skipped[@]}"
}

required
exe=$work/check_exchange_authcert
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$exe" ./cmd/check_exchange_authcert
PATH=$PATH:$work
command -v check_cert >/dev/null || GOBIN=$work go install "$check_cert" >/dev/null 2>&1 ||
  skipped+=("check_cert: it is not in the PATH, and go install $check_cert failed")

printf '| work | program | median | times ours | memory |\n|---|---|---|---|---|\n'
saved
probe
winrm
servers
machine
