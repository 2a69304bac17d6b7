"""Words that the synthetic catalogue is made of. Each list is in the order of how often its words are used."""

FAMILIES = """
bert gpt2 llama mistral qwen t5 whisper roberta vit gemma phi distilbert wav2vec2 clip deberta xlm-roberta bart resnet
falcon mixtral camembert flaubert bloom opt pegasus yolo swin sdxl flux e5 bge minilm electra longformer marian nllb
segformer detr blip llava stable-diffusion controlnet musicgen hubert speecht5 layoutlm donut trocr convnext dinov2
timesformer mamba rwkv olmo pythia granite starcoder codegen codellama deepseek smollm croissant lucie
""".split()
SIZES = "base small large 7b 8b 1b 13b mini 3b 70b tiny xl 0.5b 2b medium 34b 14b nano 32b xxl 405b 22b".split()
VARIANTS = """
finetuned instruct v1 v2 gguf lora chat sft uncased cased dpo merged q4 awq gptq multilingual v3 distilled merge adapter
int8 fp16 onnx test demo quantized rlhf ppo orpo base-v2 checkpoint final exp mlx 4bit 8bit 16k 32k 128k step1000 best
""".split()
TOPICS = """
sentiment ner summarization translation squad legal medical code finance news emotion toxicity qa speech math reviews
tweets imdb biomedical chemistry law clinical contracts support invoices recipes climate satellite radiology genomics
education jobs patents hate-speech fake-news intent topic keyword poetry history retail agriculture energy transport
jurisprudence notaires impots sante mairie prefecture cuisine dialogues sous-titres parlement
""".split()
DATA_WORDS = """
instructions conversations corpus benchmark wiki web captions pairs preferences synthetic crawl questions transcripts
images audio tables logs traces labels filtered deduplicated train eval mini sample
""".split()
OWNERS = """
lab ai research team data studio hub models nlp vision institute group works forge nest garden atelier academy systems
collective org dev ml speech robotics health energy bank press library museum city college
""".split()
PEOPLE = """
alice amine anna arthur camille chloe claire daniel david emma eric fatima hugo ines ivan jean julie karim laura lea leo
lina louis lucas lucie manon marco marie mehdi mia nadia nina noah oscar paul pierre rania rosa sam sara sofia theo thomas
valentin victor yann yuki zoe
""".split()
SYLLABLES = (
    "ba be bi bo da de do fa fi ga go ka ke ki la le lo ma me mi mo na ne no pa pe ra re ri ro sa se so ta te to va vi zu"
).split()

TASKS = """
text-generation text-classification automatic-speech-recognition image-classification token-classification
question-answering text-to-image sentence-similarity fill-mask translation feature-extraction summarization
image-text-to-text object-detection text-to-speech image-segmentation reinforcement-learning audio-classification
zero-shot-classification image-to-image text-to-video tabular-classification table-question-answering text-ranking
depth-estimation visual-question-answering any-to-any video-classification tabular-regression audio-to-audio
image-to-video document-question-answering mask-generation robotics time-series-forecasting graph-ml
""".split()
LIBRARIES = """
transformers diffusers peft gguf sentence-transformers onnx timm stable-baselines3 safetensors mlx spacy ultralytics
flair keras fastai adapters nemo openvino span-marker setfit bertopic sklearn stanza espnet speechbrain
""".split()
LANGUAGES = """
en fr zh es de multilingual ja ru ar ko pt it hi vi tr nl pl id th sv uk fa cs fi ro el da hu he bg ca no sk hr et lt lv
sl eu gl br oc co bn ta te mr gu ur sw yo ha zu am
""".split()
LICENSES = """
apache-2.0 mit other cc-by-4.0 openrail llama3 cc-by-nc-4.0 gemma creativeml-openrail-m cc-by-sa-4.0 afl-3.0 llama2 gpl-3.0
bsd-3-clause cc0-1.0 cc-by-nc-sa-4.0 bigscience-bloom-rail-1.0 etalab-2.0 unknown agpl-3.0 lgpl-3.0 wtfpl
""".split()
DATASET_TASKS = """
text-generation question-answering text-classification image-classification text-retrieval translation summarization
automatic-speech-recognition token-classification object-detection text-to-image image-to-text tabular-classification
""".split()
SIZE_CATEGORIES = "n<1K 1K<n<10K 10K<n<100K 100K<n<1M 1M<n<10M 10M<n<100M 100M<n<1B 1B<n<10B".split()
FORMATS = "parquet json csv text imagefolder audiofolder webdataset arrow".split()

SENTENCES = (
    "{name} is a {size} model for {topic}, fine-tuned from {family} on {language} text.",
    "This repository holds the weights of {name}, trained for {task} by {owner}.",
    "Ce modèle a été entraîné pour l'analyse de documents ({topic}) en français et en anglais.",
    "The training data are {topic} documents collected between 2019 and 2024, cleaned and deduplicated.",
    "Les données d'entraînement proviennent de sources publiques ; l'évaluation porte sur {topic}.",
    "Evaluated on a held-out test set, it reaches an accuracy of {score} and an F1 of {score2}.",
    "Intended uses: {task} in {language}; it should not be used for decisions about people.",
    "Quantised files for running on a laptop are included, from 2 to 8 bits per weight.",
)
"""Of which a card has two to four."""
