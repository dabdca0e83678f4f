"""What the layers below say of wrong values and deeds that can't be done, named for translation.

The sentences stand where they are raised (sql/fields.py, sql/admin, dashboard/admin.py), as the
command line says them, too; a test holds this list against them.
"""

from dashboard.i18n import mark

EXPECTED = (
    mark("something written here"),
    mark("1 to {most} printable characters"),
    mark("a whole number from {least} to {most}"),
    mark("one of {choices}"),
    mark("degrees from -{most} to {most}"),
    mark("both coordinates, or none"),
    mark("a number of {unit} up to {most}"),
    mark("a country's two or three letters, e.g. SE"),
    mark("a time zone such as Europe/Stockholm"),
    mark("a connector in OCPI's spelling, e.g. IEC_62196_T2"),
    mark("1 to 40 letters, digits or * . : ~ - _"),
    mark("a phone number such as 08-123 456 78"),
    mark("an e-mail address"),
    mark("a day such as 2027-01-31"),
    mark("yes or no"),
    mark("at least {least} characters"),
    mark("a name that no other site has"),
    mark("the name of a site that is there"),
    mark("a code that no other evse has"),
    mark("an address that no other account has"),
    mark("the address of an account that is there"),
    mark("a name that no other API token has or had"),
)
REFUSALS = (
    mark("no site has the number {number}"),
    mark("no account has the number {number}"),
    mark("no station is called {station}; see: python app.py station list"),
    mark("no station {station} is waiting; see: python app.py station list"),
    mark(
        "station {station} exists; to change its password: python app.py station password {station}"
    ),
    mark("a vehicle is charging at {station}: stop the session first"),
    mark("no id token {token}; see: python app.py token list"),
    mark("this is the last administrator: make another one first"),
)
