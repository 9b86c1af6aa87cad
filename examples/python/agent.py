#!/usr/bin/env python3
"""An agent in plain Python, standard library only: it works on one task, with one credential for one tool.

It reads its workload token from a file, exchanges it for a credential, calls the tool, renews the credential before
it ends, and gives it back when the work is done. Python 3.9 or later. See README.md.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
PATIENCE_SECONDS = 15


class Refused(Exception):
    """The broker or the tool said no, or not now."""

    def __init__(self, status, said, retry_after=None):
        super().__init__(f"{status}: {said}")
        self.status = status
        self.retry_after = retry_after


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *args, **kwargs):
        return None


OPENER = urllib.request.build_opener(NoRedirects)


def call(method, url, bearer=None, form=None, document=None, headers=None):
    """Sends one request, and answers the JSON that comes back."""
    request = urllib.request.Request(url, method=method, headers=headers or {})
    if bearer is not None:
        request.add_header("Authorization", f"Bearer {bearer}")
    if form is not None:
        request.data = urllib.parse.urlencode(form).encode()
    if document is not None:
        request.data = json.dumps(document).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with OPENER.open(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(error.code, said_in(error), error.headers.get("Retry-After")) from None


def said_in(error):
    """OAuth errors (RFC 6749) and problem details (RFC 9457) each have a sentence for people."""
    try:
        said = json.load(error)
    except ValueError:
        said = {}
    text = said.get("error_description") or said.get("title") or error.reason
    request_id = error.headers.get("X-Request-Id")
    return f"{text} ({request_id})" if request_id else text


class Credential:
    """A credential for one task and one tool, for as long as the `with` block lasts."""

    def __init__(self, broker, token_file, task, tool, ttl=None):
        self.broker = broker
        self.token_file = token_file
        self.asked = {"task_id": task, "audience": tool}
        self.expiry = {} if ttl is None else {"requested_expiry": ttl}
        self.lease = None

    def __enter__(self):
        self._obtain()
        return self

    def __exit__(self, *_):
        try:
            call("DELETE", f"{self.broker}/v1/leases/{self.lease}", bearer=self._workload_token())
        except (OSError, Refused) as error:
            # It ends by itself, a little later.
            print(f"the credential was not given back: {error}", file=sys.stderr)

    def value(self):
        """The credential: renewed when a third of its life is left; a new one where it ended while nobody asked."""
        now = time.monotonic()
        if now > self.ends_at:
            self._obtain()
        elif now > self.renew_at:
            self._renew()
        return self.token

    def _obtain(self):
        form = {"grant_type": TOKEN_EXCHANGE, "subject_token_type": JWT, **self.asked, **self.expiry}
        self._take(call("POST", f"{self.broker}/token", form={**form, "subject_token": self._workload_token()}))

    def _renew(self):
        try:
            url = f"{self.broker}/v1/leases/{self.lease}/renew"
            self._take(call("POST", url, bearer=self._workload_token(), document=self.expiry))
        except (OSError, Refused) as error:
            # No reason to stop while the present one is good, and if it is dead, the tool says so: the broker may be
            # away for a moment, or credentials for this tool are not renewed. Then there is no use in asking again.
            passing = not isinstance(error, Refused) or error.status in (429, 503)
            self.renew_at = time.monotonic() + 1 if passing else self.ends_at

    def _take(self, issued):
        self.token, self.lease = issued["access_token"], issued["lease_id"]
        now = time.monotonic()
        self.ends_at = now + issued["expires_in"]
        self.renew_at = now + issued["expires_in"] * 2 / 3

    def _workload_token(self):
        # Read each time: the platform replaces it while we run.
        with open(self.token_file, encoding="ascii") as file:
            return file.read().strip()


def work(credential, task, tool_url, times, pause_seconds):
    """What the agent is for. Here: it reads the same customer again and again."""
    for count in range(1, times + 1):
        headers = {"X-Task-Id": task}
        customer = call("GET", f"{tool_url}/customers/42", bearer=credential.value(), headers=headers)
        print(f"{count}: {customer['name']}", flush=True)
        if count < times:
            time.sleep(pause_seconds)


def main():
    environment = os.environ
    task, tool_url = environment["MAYFLY_TASK"], environment["TOOL_URL"]
    broker = environment.get("MAYFLY_URL", "http://127.0.0.1:8420").rstrip("/")
    ttl = environment.get("CREDENTIAL_SECONDS")
    try:
        with Credential(
            broker, environment["MAYFLY_TOKEN_FILE"], task, environment.get("TOOL", "crm"), ttl and int(ttl)
        ) as credential:
            times, pause_seconds = int(environment.get("TIMES", "3")), float(environment.get("PAUSE_SECONDS", "1"))
            work(credential, task, tool_url, times, pause_seconds)
    except Refused as error:
        # Most often: the task is over. Then there is nothing left to do for it.
        sys.exit(f"refused, {error}")
    except OSError as error:
        sys.exit(f"not to be reached: {error}")


if __name__ == "__main__":
    main()
