"""What each team says of its topics: one file, checked when the code location loads and read by every run."""

from trace_clustering.environment import TOPICS, find_topics_file
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.team_file import TeamFile
from trace_clustering.topics.edits import TopicEdits, parse_edits


def load_topic_edits() -> dict[int, TopicEdits]:
    """Read the file that `TRACE_CLUSTERING_TOPICS` names.

    Returns
    -------
    dict
        By team id. Empty if there is no file.

    Raises
    ------
    InvalidSettingsError
        If the file cannot be read, or says something that cannot be obeyed. The message names the file, the
        team and the topic.
    """
    file = TeamFile(TOPICS, find_topics_file(), "topics", "ids of topics", has_numbers=False)
    found = {}
    for team_id, written, place in file.read():
        try:
            found[team_id] = parse_edits(written)
        except InvalidSettingsError as error:
            raise InvalidSettingsError(f"{place}: {error}") from None
    return found


def load_edits_of_team(team_id: int) -> TopicEdits:
    """Return what the file says of a team's topics; nothing if it does not name the team.

    Raises
    ------
    InvalidSettingsError
        As `load_topic_edits`.
    """
    return load_topic_edits().get(team_id, TopicEdits())
