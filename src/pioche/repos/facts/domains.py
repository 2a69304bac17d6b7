"""Domains of use (legal, medical ...), told by tags: ours, the Hub has none."""

from collections.abc import Iterable

_WORDS = {
    "medical": """medical medicine clinical biomedical health healthcare radiology pathology pubmed oncology dermatology
        médical medecine santé sante clinique""",
    "legal": "legal law juridique droit lawyer contracts court legislation jurisprudence",
    "finance": "finance financial banking bank fintech trading accounting insurance banque assurance comptabilité",
    "support": "support customer-support customer-service helpdesk call-center customer-care ticket service-client",
    "code": "code coding programming software-engineering sql",
    "science": "science scientific physics astronomy mathematics math",
    "chemistry": "chemistry molecules materials materials-science drug-discovery",
    "biology": "biology bioinformatics protein proteins genomics dna rna single-cell",
    "climate": "climate weather environment earth-observation remote-sensing météo climat",
    "education": "education educational teaching pedagogy éducation enseignement",
    "industry": "industry industrial manufacturing predictive-maintenance industrie",
    "security": "cybersecurity security infosec malware phishing cybersécurité",
    "public-sector": "government public-sector administration politics parliament secteur-public",
    "media": "news journalism media press actualités presse",
    "commerce": "e-commerce ecommerce retail marketing products commerce",
    "agriculture": "agriculture farming crops agronomy",
    "music": "music musique",
    "robotics": "robotics robot lerobot robotique",
    "games": "games gaming chess",
    "human-resources": "hr human-resources recruitment resume cv recrutement",
}
_BY_WORD = {word: domain for domain, words in _WORDS.items() for word in words.split()}


def of(tags: Iterable[str]) -> list[str]:
    """The domains that the tags name, each once."""
    return list(dict.fromkeys(_BY_WORD[tag.lower()] for tag in tags if tag.lower() in _BY_WORD))
