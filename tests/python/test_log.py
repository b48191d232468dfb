"""Who hears of a call: the levels of the logger, which each call asks for."""

import logging
import subprocess
import sys

import botsec


def test_the_level_of_the_logger_holds_from_the_next_call_on(api, tls, caplog):
    logger = logging.getLogger("botsec")
    with botsec.Client(api.origin, networks="loopback", tls=tls) as client:

        def heard():
            caplog.clear()
            client.get("/x")
            return len(caplog.records)

        caplog.set_level(logging.INFO, logger="botsec")
        assert heard() == 1
        assert heard() == 1
        logger.setLevel(logging.WARNING)
        assert heard() == 0
        assert heard() == 0
        logger.setLevel(logging.INFO)
        assert heard() == 1
        logging.disable(logging.INFO)
        try:
            assert heard() == 0
        finally:
            logging.disable(logging.NOTSET)
        assert heard() == 1
        logger.disabled = True
        try:
            assert heard() == 0
        finally:
            logger.disabled = False
        assert heard() == 1


def test_a_logger_of_another_class_is_asked_each_time(api, authority):
    program = """
import logging, sys, botsec
class Own(logging.Logger):
    asked = 0
    def isEnabledFor(self, level):
        Own.asked += 1
        return super().isEnabledFor(level)
logging.setLoggerClass(Own)
origin, ca = sys.argv[1], sys.argv[2]
with botsec.Client(origin, networks="loopback", tls=botsec.Tls(ca_file=ca)) as client:
    Own.asked = 0
    for _ in range(3):
        client.get("/x")
print(Own.asked)
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, api.origin, str(authority.ca_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.stdout.strip(), done.stderr) == ("3", "")
