"""What exports call our fields, in English, German, French and Spanish. Pure."""

import unicodedata
from collections.abc import Mapping
from typing import Final

# The names of each field, by letters: without case, accents, spaces and punctuation. Earlier names are better.
_NAMES: Final[Mapping[str, str]] = {
    "id": """
        id externalid employeeid employeenumber employeeno staffid staffnumber userid uid personid
        customerid guid uuid number personalnummer personalnr persnr mitarbeiternummer mitarbeiternr
        mitarbeiterid kundennummer nr nummer matricule identifiant idemploye numeroemploye numeroempleado
        idempleado numerodeempleado legajo numero
    """,
    "email": """
        email emailaddress workemail businessemail companyemail mail mailaddress emailadresse mailadresse
        dienstmail dienstemail firmenmail firmenemail emaildienstlich emailgeschaftlich emailgeschaeftlich
        emailarbeit mailadressedienstlich mailadressedienstl
        adresseemail adressemail adresseelectronique courriel emailprofessionnel correo
        correoelectronico correocorporativo emailcorporativo userprincipalname upn
    """,
    "first_name": """
        firstname givenname given forename vorname rufname prenom nombres primernombre nombre
    """,
    "last_name": """
        lastname surname familyname family nachname familienname zuname nomdefamille apellidos apellido nom
    """,
    "full_name": """
        fullname displayname employeename name vollername vollstandigername namevorname vornamename
        nachnamevorname mitarbeitername nomcomplet nomprenom nometprenom prenomnom nombrecompleto
        nombreyapellidos apellidosynombre employee mitarbeiter
    """,
    "status": """
        status accountstatus userstatus employmentstatus zustand statut etat estado active aktiv enabled
        actif activo state
    """,
    "profile.location": """
        location city standort ort stadt dienstort arbeitsort wohnort ville lieu site ubicacion ciudad sede
        office town
    """,
    "profile.avatar": """
        avatar avatarurl photourl pictureurl photo picture bild foto
    """,
    "profile.bio": """
        bio biography aboutme about biografie biographie biografia
    """,
    "profile.preferences.language": """
        language preferredlanguage locale lang sprache langue idioma
    """,
    "roles": """
        roles role rollen rolle groups gruppen groupes grupos
    """,
    "tags": """
        tags labels schlagworte etiquettes etiquetas
    """,
    "modified_at": """
        modifiedat updatedat lastmodified lastmodifiedat lastupdated lastchanged lastchange modified updated
        changedat changed geandertam geaendertam letzteanderung letzteaenderung anderungsdatum aenderungsdatum
        stand
        datemodification datedemodification dernieremodification modifiele miseajour fechamodificacion
        fechademodificacion ultimamodificacion ultimaactualizacion actualizado modificado
    """,
    "created_at": """
        createdat created registeredat registered creationdate erstelltam erstellt angelegtam anlagedatum
        datecreation datedecreation creele fechacreacion fechadecreacion creado hiredate startdate
        eintrittsdatum eintritt dateembauche datedembauche dateentree fechaalta fechadealta fechaingreso
    """,
    "deleted": """
        deleted isdeleted geloscht geloescht supprime eliminado gone removed
    """,
}
# The day when a person joined is not the day when the account was made.
JOINING_NAMES: Final = frozenset(
    {
        "datedembauche",
        "dateembauche",
        "dateentree",
        "eintritt",
        "eintrittsdatum",
        "fechaalta",
        "fechadealta",
        "fechaingreso",
        "hiredate",
        "startdate",
    }
)
LAST_NAME_FIRST: Final = frozenset(
    {"namevorname", "nachnamevorname", "nomprenom", "nometprenom", "apellidosynombre"}
)
FIELD_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    field: tuple(names.split()) for field, names in _NAMES.items()
}

_STATUS: Final[Mapping[str, str]] = {
    "active": """
        aktiv actif active activo activa ja yes oui si 1 true wahr vrai y j employed beschaftigt alta
        enabled
    """,
    "inactive": """
        inaktiv inactif inactive inactivo inactiva nein no non 0 false falsch faux n left terminated
        ausgeschieden ausgetreten parti sorti baja retired rentner disabled deaktiviert desactive
        desactivado
    """,
    "suspended": """
        gesperrt suspendu suspendue suspendido suspendida bloque bloqueado blocked locked suspended
    """,
}
STATUS_BY_WORD: Final = {word: status for status, words in _STATUS.items() for word in words.split()}
YES_WORDS: Final = frozenset({"ja", "yes", "oui", "si", "x", "1", "true", "wahr", "vrai", "y", "j", "t", "on"})
NO_WORDS: Final = frozenset({"nein", "no", "non", "0", "false", "falsch", "faux", "n", "f", "off"})


def letters(text: str) -> str:
    """Return the letters and digits of a text, in lower case and without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if char.isalnum())
