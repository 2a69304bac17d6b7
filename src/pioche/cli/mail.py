"""`pioche mail ...`: whether the hub's letters arrive."""

from cyclopts import App

from pioche import config
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.errors import Conflict
from pioche.mail.message import Letter, Part
from pioche.mail.smtp import Post

mail = App(name="mail", help="Mail: test.")


@mail.command(name="test")
def send_test(address: str, /, *, options: Options = DEFAULT) -> None:
    """Send a letter to an address now, and say what the mail server answers.

    Parameters
    ----------
    address
        Whom to write to.
    """
    post = Post.of(config.load({"data_dir": options.data_dir}))
    if post is None:
        raise Conflict("This hub sends no mail: set mail_host and mail_from first (docs/guide/mail.md)")
    post.send(
        Letter(
            to=address,
            language="en",
            subject="A letter of your hub",
            parts=(Part("This is a test: the hub can send mail."),),
            footer="You get this because somebody ran `pioche mail test` with your address.",
        )
    )
    output.show({"address": address}, f"{post.server}:{post.port} took a letter to {address}.", json=options.json)
