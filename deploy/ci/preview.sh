#!/bin/sh
# Makes or deletes the preview environment of a branch or pull request; needs nothing but a POSIX shell and curl.
#
#   preview.sh upsert    make it, or let it live on; prints environment, environment_id and, when it was just made, token
#   preview.sh delete    delete it with its events, keys and topic; where there is none, nothing happens
#
# AXONPUSH_URL             the gateway, for example https://ingest.example.com
# AXONPUSH_MANAGEMENT_KEY  an mk_ key whose role may manage previews
# AXONPUSH_APP             the id of the app
# AXONPUSH_REF             what the preview is for, for example acme/shop#42
# AXONPUSH_TTL_SECONDS     it lives at least so long from now on; 604800 (a week) if it is not set
# AXONPUSH_MAX_TTL_SECONDS its own traffic extends its life by as much again, so long from now on at most; if it is not
#                          set, a preview that exists goes on as it did, and a new one is not extended
# AXONPUSH_CHANNEL_ID      the channel of its token; the app's default one if it is not set
#
# The token is a public one (pt_): it sends events to this environment alone. It is answered once, when it is made.
set -eu

fail() {
  printf 'preview.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

# Every byte as %xx, so that a ref stays one segment of the path.
percent_encoded() {
  printf '%s' "$1" | od -A n -v -t x1 | tr -d '\n' | sed 's/ /%/g'
}

# The value of a text field in a line of JSON; within a text a quote stands behind a backslash, and so matches nothing.
field() {
  printf '%s\n' "$2" | sed -n 's/.*[{,]"'"$1"'":"\([^"\\]*\)".*/\1/p'
}

# The key goes by standard input: the arguments of a process can be read by others.
call() {
  method=$1
  shift
  printf 'header = "Authorization: Bearer %s"\n' "$AXONPUSH_MANAGEMENT_KEY" |
    curl --config - --silent --show-error --max-time 60 --retry 3 --request "$method" \
      --write-out '\n%{http_code}' "$@" "$url"
}

# Sets `body` to what was answered, or ends with what the gateway says.
checked() {
  answer=$(call "$@") || fail "The gateway at $AXONPUSH_URL cannot be reached."
  status=$(printf '%s\n' "$answer" | tail -n 1)
  body=$(printf '%s\n' "$answer" | sed '$d' | tr -d '\n')
  case $status in
  2??) ;;
  *)
    detail=$(field detail "$body")
    fail "The gateway refused ($status): ${detail:-no explanation}"
    ;;
  esac
}

output() {
  if [ -n "${GITHUB_OUTPUT:-}" ]; then
    printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"
  fi
  printf '%s=%s\n' "$1" "$2"
}

for name in AXONPUSH_URL AXONPUSH_MANAGEMENT_KEY AXONPUSH_APP AXONPUSH_REF; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || fail "$name is not set." 2
done
case $AXONPUSH_MANAGEMENT_KEY in
*[!A-Za-z0-9_]*) fail "AXONPUSH_MANAGEMENT_KEY is no key: it has letters, digits and underscores only." 2 ;;
esac
for number in "${AXONPUSH_TTL_SECONDS:=604800}" "${AXONPUSH_MAX_TTL_SECONDS:=}" "${AXONPUSH_CHANNEL_ID:=}"; do
  case $number in
  *[!0-9]*) fail "AXONPUSH_TTL_SECONDS, AXONPUSH_MAX_TTL_SECONDS and AXONPUSH_CHANNEL_ID are whole numbers, not $number." 2 ;;
  esac
done
url=${AXONPUSH_URL%/}/apps/$(percent_encoded "$AXONPUSH_APP")/environments/by-ref/$(percent_encoded "$AXONPUSH_REF")

case ${1:-} in
upsert)
  json="\"ttlSeconds\":$AXONPUSH_TTL_SECONDS"
  json=$json${AXONPUSH_MAX_TTL_SECONDS:+,\"maxTtlSeconds\":$AXONPUSH_MAX_TTL_SECONDS}
  json={$json${AXONPUSH_CHANNEL_ID:+,\"channelId\":$AXONPUSH_CHANNEL_ID}\}
  checked PUT --header 'Content-Type: application/json' --data "$json"
  token=$(field token "$body")
  if [ -n "$token" ] && [ -n "${GITHUB_ACTIONS:-}" ]; then
    printf '::add-mask::%s\n' "$token"
  fi
  output environment "$(field slug "$body")"
  output environment_id "$(field id "$body")"
  output token "$token"
  ;;
delete)
  checked DELETE
  ;;
*)
  fail "Say what to do: preview.sh upsert, or preview.sh delete." 2
  ;;
esac
