"""One safe way out for every place a bot speaks: text in, text out.

Each function returns the very same object when nothing has to change. All of them take linear time. Lone surrogates
become U+FFFD. Anything but `str` is `TypeError`. Not every place has an escape: an unquoted HTML attribute, Telegram's
old Markdown, a shell command and an SQL literal have none here, and docs/escape.md says what to do instead.

>>> from botsec import escape
>>> escape.html("<b>Tom & Jerry</b>")
'&lt;b&gt;Tom &amp; Jerry&lt;/b&gt;'
"""

from __future__ import annotations

# The native functions themselves: a Python wrapper would cost as much as they do.
from botsec._core import escape_css_string as css_string
from botsec._core import escape_csv_cell as csv_cell
from botsec._core import escape_discord as discord
from botsec._core import escape_html as html
from botsec._core import escape_html_attribute as html_attribute
from botsec._core import escape_irc as irc
from botsec._core import escape_js_string as js_string
from botsec._core import escape_json_in_script as json_in_script
from botsec._core import escape_ldap as ldap
from botsec._core import escape_link as link
from botsec._core import escape_log as log
from botsec._core import escape_matrix_html as matrix_html
from botsec._core import escape_sanitize_html as sanitize_html
from botsec._core import escape_slack as slack
from botsec._core import escape_slack_markdown as slack_markdown
from botsec._core import escape_sql_like as sql_like
from botsec._core import escape_teams as teams
from botsec._core import escape_telegram as telegram
from botsec._core import escape_telegram_html as telegram_html
from botsec._core import escape_terminal as terminal
from botsec._core import escape_url_query as url_query
from botsec._core import escape_url_segment as url_segment
from botsec._core import escape_whatsapp as whatsapp

__all__ = [
    "css_string",
    "csv_cell",
    "discord",
    "html",
    "html_attribute",
    "irc",
    "js_string",
    "json_in_script",
    "ldap",
    "link",
    "log",
    "matrix_html",
    "sanitize_html",
    "slack",
    "slack_markdown",
    "sql_like",
    "teams",
    "telegram",
    "telegram_html",
    "terminal",
    "url_query",
    "url_segment",
    "whatsapp",
]
