"""The words of the pages, by language."""

from typing import Final

DEFAULT: Final = "en"

HOME: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "Pioche, your organisation's model hub",
        "what": "This is a model hub that runs on your own machines. Models, datasets and Spaces are versioned "
        "repositories; every tool that knows the Hugging Face Hub works with it unchanged.",
        "how": "Three commands to begin",
        "point": "Point your tools at this hub",
        "pull": "Pull a repository",
        "push": "Publish yours",
        "insecure": "This page came over plain http: tokens can be read on the way. Put the hub behind https before you "
        "share it beyond this machine.",
        "api": "Repositories on this hub",
        "models": "models",
        "datasets": "datasets",
        "spaces": "Spaces",
        "other": "Lire en français",
    },
    "fr": {
        "title": "Pioche, le hub de modèles de votre organisation",
        "what": "Ceci est un hub de modèles qui tourne sur vos propres machines. Modèles, jeux de données et Spaces sont "
        "des dépôts versionnés ; tout outil qui connaît le Hub de Hugging Face fonctionne tel quel.",
        "how": "Trois commandes pour commencer",
        "point": "Dirigez vos outils vers ce hub",
        "pull": "Récupérez un dépôt",
        "push": "Publiez le vôtre",
        "insecure": "Cette page est arrivée en http simple : les jetons peuvent être lus en chemin. Placez le hub derrière "
        "https avant de le partager au-delà de cette machine.",
        "api": "Les dépôts de ce hub",
        "models": "modèles",
        "datasets": "jeux de données",
        "spaces": "Spaces",
        "other": "Read in English",
    },
}


def choose(asked: str | None, accepted: str) -> str:
    """The language of `?lang=`, else the first one of Accept-Language that we have, else English."""
    if asked in HOME:
        return str(asked)
    for part in accepted.split(","):
        language = part.partition(";")[0].strip().lower().partition("-")[0]
        if language in HOME:
            return language
    return DEFAULT
